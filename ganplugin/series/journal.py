"""The journal of a series: one line a piece, only ever added to, so that a kill at any moment loses nothing written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from ganplugin.errors import FileError
from ganplugin.files import make_folder, os_errors, sync_folder
from ganplugin.series.entries import Entry, parse_entry, written_line

__all__ = ["Journal", "read_journal"]

_SYNC_LINES: Final = 64
_SYNC_SECONDS: Final = 1.0


class Journal:
    """A context manager that adds lines to a journal.

    Lines are forced to disk in batches: after 64 of them, after a second, and at the end. A last line that a kill or a
    power loss tore is taken away on opening; its piece counts as not made. Raises `FileError`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1
        self._length = 0
        self._waiting = 0
        self._synced = 0.0

    def __enter__(self) -> Journal:
        make_folder(self._path.parent)
        with os_errors(self._path):
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
            try:
                self._length = _whole_length(self._path)
                self._forget_rest()
                # A new journal's name has to outlive a power loss as its lines do.
                sync_folder(self._path.parent)
            except BaseException:
                os.close(self._handle)
                raise
        self._synced = time.monotonic()
        return self

    def add(self, entry: Entry) -> None:
        """Add one line. If the disk refuses it, the journal is left as it was before."""
        line = written_line(entry)
        with os_errors(self._path):
            try:
                _write_all(self._handle, line)
            except OSError:
                self._forget_rest()
                raise
        self._length += len(line)
        self._waiting += 1
        if self._waiting >= _SYNC_LINES or time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def _forget_rest(self) -> None:
        """Cut off what stands behind the last whole line."""
        os.ftruncate(self._handle, self._length)
        os.lseek(self._handle, self._length, os.SEEK_SET)

    def sync(self) -> None:
        """Force what was added to the disk."""
        with os_errors(self._path):
            os.fsync(self._handle)
        self._waiting, self._synced = 0, time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.sync()
        except FileError:
            if error is None:  # else the first trouble is the one to tell
                raise
        finally:
            os.close(self._handle)


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield the entries of a journal, in order; a torn last line is left out, a missing journal has none.

    Raises `FileError` if it cannot be read, or if a line that others follow is damaged.
    """
    with os_errors(path):
        if not path.exists():
            return
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                entry = parse_entry(line) if line.endswith(b"\n") else None
                if entry is None:
                    if stream.read(1):
                        raise _damaged(path, number)
                    return
                yield entry


def _whole_length(path: Path) -> int:
    """Return how many bytes of a journal are whole lines."""
    length = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n") or parse_entry(line) is None:
                if stream.read(1):
                    raise _damaged(path, number)
                break
            length += len(line)
    return length


def _damaged(path: Path, number: int) -> FileError:
    return FileError(
        f"line {number} is damaged",
        where=path,
        fix="delete that line (its piece is rendered again), or start a new folder with --fork",
    )


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
