"""Catching what native libraries write to the process's own standard streams."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["STDERR", "STDOUT", "NativeOutput", "captured", "replay"]

STDOUT, STDERR = 1, 2
_LOCK = threading.RLock()


@dataclass
class NativeOutput:
    """What was written while `captured` was open; complete once it has closed."""

    text: str = ""


@contextlib.contextmanager
def captured(*descriptors: int) -> Iterator[NativeOutput]:
    """Divert file descriptors (1, 2) into memory while the block runs, Python's own streams included.

    Descriptors belong to the whole process, so what other threads write meanwhile is caught too: give to `replay`
    whatever is not recognised. One block at a time. A closed descriptor (a windowed program) is left alone.
    """
    output = NativeOutput()
    with _LOCK, tempfile.TemporaryFile() as store:
        _flush()
        saved = {descriptor: copy for descriptor in descriptors if (copy := _copy(descriptor)) is not None}
        try:
            for descriptor in saved:
                os.dup2(store.fileno(), descriptor)
            yield output
        finally:
            _flush()
            for descriptor, copy in saved.items():
                os.dup2(copy, descriptor)
                os.close(copy)
            store.seek(0)
            output.text = store.read().decode("utf-8", "replace")


def replay(text: str) -> None:
    """Write caught text to the error stream, where it cannot mix with results."""
    with contextlib.suppress(OSError):
        os.write(STDERR, text.encode("utf-8", "replace"))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # Absent in windowed programs, closed in some hosts.
        if stream is not None:
            with contextlib.suppress(ValueError, OSError):
                stream.flush()


def _copy(descriptor: int) -> int | None:
    try:
        return os.dup(descriptor)
    except OSError:
        return None
