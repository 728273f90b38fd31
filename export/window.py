"""A window on a file: bytes by position, without reading what nobody looks at."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final

from ganplugin.errors import CheckpointError
from ganplugin.files import os_errors
from ganplugin.limits import MAX_CHECKPOINT_BYTES

__all__ = ["Window", "open_window"]

_SMALL: Final = 1 << 16
_FIRST_LOOK: Final = 64
_MAX_LINE: Final = 1 << 18


class Window:
    """A readable run of bytes with a position. It never gives more than it has, whatever is asked of it."""

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.position = 0

    def __len__(self) -> int:
        return len(self.view)

    def read(self, count: int) -> bytes | memoryview:
        """Return the next ``count`` bytes; long runs stay views of the file. Raises `CheckpointError` past the end."""
        if not 0 <= count <= len(self.view) - self.position:
            if count == 1:  # the end, as pickletools expects it
                return b""
            raise CheckpointError("is cut off or damaged")
        start, self.position = self.position, self.position + count
        piece = self.view[start : self.position]
        return piece if count > _SMALL else bytes(piece)

    def readline(self) -> bytes:
        """Return the bytes up to and with the next newline. Raises `CheckpointError` for lines of over 256 KiB."""
        length = _FIRST_LOOK
        while length <= _MAX_LINE:
            piece = bytes(self.view[self.position : self.position + length])
            end = piece.find(b"\n") + 1
            if end:
                self.position += end
                return piece[:end]
            if len(piece) < length:
                break
            length *= 16
        raise CheckpointError("is cut off or damaged")

    def tell(self) -> int:
        """Return the position."""
        return self.position

    def slice(self, start: int, count: int) -> memoryview:
        """Return ``count`` bytes from ``start`` as a view. Raises `CheckpointError` if they are not all there."""
        if start < 0 or count < 0 or start + count > len(self.view):
            raise CheckpointError("is cut off or damaged")
        return self.view[start : start + count]


def open_window(path: Path) -> Window:
    """Map a file into memory.

    Raises `FileError` if it cannot be opened, `CheckpointError` if it is empty or too large.
    """
    with os_errors(path), path.open("rb") as stream:
        size = path.stat().st_size
        if size == 0:
            raise CheckpointError("is empty", where=path, fix="download it again")
        if size > 2 * MAX_CHECKPOINT_BYTES:
            raise CheckpointError("is too large for a checkpoint", where=path)
        # A private map: torch wants writable memory, and nothing written there reaches the file.
        return Window(memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)))
