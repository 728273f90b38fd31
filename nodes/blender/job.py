"""Work in a thread of its own, which can be watched and stopped from the thread that draws the window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Job", "Progress"]

Item = TypeVar("Item")


@dataclass(frozen=True)
class Progress:
    """What is being done, how many steps are, and how many there will be."""

    label: str
    done: int
    total: int

    @property
    def fraction(self) -> float:
        """The part that is done, 0..1."""
        return self.done / self.total if self.total else 0.0


class Job(Generic[Item]):
    """Work that started when the job was made. It is the `Reporter` of that work, and collects its results.

    Results are taken, and an error is raised, only where they are asked for: Blender's data belongs to one thread.
    """

    def __init__(self, work: Callable[[Job[Item]], None]) -> None:
        self.progress = Progress("Starting", 0, 0)
        self._stop = threading.Event()
        self._results: SimpleQueue[Item] = SimpleQueue()
        self._messages: SimpleQueue[str] = SimpleQueue()
        executor = ThreadPoolExecutor(1, thread_name_prefix="ganplugin-render")
        self._future = executor.submit(work, self)
        executor.shutdown(wait=False)

    def cancel(self) -> None:
        """Ask the work to stop, which it does before its next picture."""
        self._stop.set()

    def cancelled(self) -> bool:
        """Tell whether the work was asked to stop."""
        return self._stop.is_set()

    @property
    def done(self) -> bool:
        """Whether the work has ended, in whatever way."""
        return self._future.done()

    def wait(self, seconds: float) -> None:
        """Wait until the work has ended, but no longer than this."""
        wait([self._future], timeout=seconds)

    def check(self) -> None:
        """Raise what the work ended with, if it ended with an error."""
        if self._future.done():
            self._future.result()

    def deliver(self, result: Item) -> None:
        """Put a result where `results` finds it."""
        self._results.put(result)

    def results(self) -> Iterator[Item]:
        """Yield the results that were not taken before."""
        return _taken(self._results)

    def messages(self) -> Iterator[str]:
        """Yield the lines that were not taken before."""
        return _taken(self._messages)

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a task until it ends, then what was shown before."""
        before = self.progress
        self.progress = Progress(label, 0, total)

        def done(steps: int) -> None:
            self.progress = Progress(label, steps, total)

        try:
            yield done
        finally:
            self.progress = before

    def preview(self, picture: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Show nothing: finished pictures are seen as images of Blender."""

    def message(self, text: str) -> None:
        """Keep a line for the user."""
        self._messages.put(text)


def _taken(queue: SimpleQueue[Item]) -> Iterator[Item]:
    while True:
        try:
            yield queue.get_nowait()
        except Empty:
            return
