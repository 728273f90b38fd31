"""Runs of a network ended from outside, in the middle of a picture."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

__all__ = ["interruptible"]

_POLL_SECONDS: Final = 0.05


class _Watcher:
    """One thread for the whole process that asks, for every run that is going on, whether it should end."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[Any, Callable[[], bool]]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, options: Any, cancelled: Callable[[], bool]) -> None:  # noqa: ANN401 - onnxruntime.RunOptions
        with self._changed:
            self._runs[id(options)] = (options, cancelled)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="ganplugin-interruption", daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, options: Any) -> None:  # noqa: ANN401
        with self._changed:
            self._runs.pop(id(options), None)

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._runs:
                    self._changed.wait()
                self._end_what_should()
                self._changed.wait(_POLL_SECONDS)

    def _end_what_should(self) -> None:
        # Not in the loop above: its variables would keep the last run, and all that belongs to it, for ever.
        for options, cancelled in self._runs.values():
            if cancelled():
                options.terminate = True


_WATCHER: Final = _Watcher()


@contextlib.contextmanager
def interruptible(options: Any, cancelled: Callable[[], bool]) -> Iterator[None]:  # noqa: ANN401 - RunOptions
    """Let the run of the block end early: onnxruntime stops at its next operator once ``cancelled`` says so.

    ``cancelled`` is asked from another thread, about twenty times a second.
    """
    _WATCHER.add(options, cancelled)
    try:
        yield
    finally:
        _WATCHER.remove(options)
