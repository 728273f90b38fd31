"""Feature maps of whole pictures, kept in files that vanish by themselves."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import FileError
from ganplugin.files import make_folder, os_errors
from ganplugin.tiling.maps import Map

__all__ = ["MapFile", "check_room"]

Array = NDArray[Any]


def check_room(folder: Path, size: int) -> None:
    """Raise `FileError` if a folder, which is made, has no room for so many bytes."""
    with os_errors(make_folder(folder)):
        free = shutil.disk_usage(folder).free
    if free < size:
        raise FileError(
            f"has {free / 1e9:.1f} GB free, but so large a painting takes {size / 1e9:.1f} GB on the way",
            where=folder,
            fix="free some space, name a folder on another disk in GANPLUGIN_CACHE, or shrink with --max-side",
        )


class MapFile:
    """A feature map on disk. The system deletes the file when it is closed, or when the process ends in any way.

    It is read and written, not mapped: the system maps much more than what is touched, all of which counts as memory.
    Raises `FileError` if there is no room for it.
    """

    def __init__(self, found: Map, dtype: np.dtype[Any], folder: Path) -> None:
        self.dtype = dtype
        self._folder = make_folder(folder)
        self._shape = found.channels, found.height, found.width
        with os_errors(folder):
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by `close`
            if hasattr(os, "posix_fallocate"):  # better no room now than after an hour
                os.posix_fallocate(self._file.fileno(), 0, int(np.prod(self._shape)) * dtype.itemsize)

    def read(self, rows: slice, columns: slice) -> Array:
        """Return a part of the map, [1, channels, h, w]."""
        part = np.empty((1, self._shape[0], rows.stop - rows.start, columns.stop - columns.start), self.dtype)
        with os_errors(self._folder):
            for place, run in self._runs(part[0], rows, columns):
                self._file.seek(place)
                self._file.readinto(run)
        return part

    def write(self, rows: slice, columns: slice, values: Array) -> None:
        """Set a part of the map to ``values``, [channels, h, w]."""
        with os_errors(self._folder):
            for place, run in self._runs(np.ascontiguousarray(values), rows, columns):
                self._file.seek(place)
                while run:  # the system may take less than it is given
                    run = run[self._file.write(run) :]

    def _runs(self, part: Array, rows: slice, columns: slice) -> Iterator[tuple[int, memoryview]]:
        """Yield what lies together in the file, and its place: a row of a channel, or all rows if they are whole."""
        size, (_, height, width) = self.dtype.itemsize, self._shape
        whole = part.shape[2] == width
        length = part[0].nbytes if whole else part[0, 0].nbytes
        flat, at = part.reshape(-1).view(np.uint8).data, 0
        for channel in range(len(part)):
            start = ((channel * height + rows.start) * width + columns.start) * size
            for row in range(1 if whole else part.shape[1]):
                yield start + row * width * size, flat[at : at + length]
                at += length

    def close(self) -> None:
        """Give the room on disk back."""
        self._file.close()
