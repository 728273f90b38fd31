"""A zip archive read with suspicion: what it declares is checked before anything is unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Final

from ganplugin.errors import CheckpointError
from ganplugin.export.records import Source
from ganplugin.export.window import Window
from ganplugin.limits import MAX_CHECKPOINT_BYTES, MAX_TENSORS

__all__ = ["Archive"]

_LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")
_MAX_RATIO: Final = 100
_FREE_BYTES: Final = 1 << 24


class _Seekable(io.RawIOBase):
    """The window as the file object that `zipfile` wants."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._position, len(self._view))[whence]
        if start + offset < 0:
            raise ValueError("a position before the beginning")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._view[self._position : self._position + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


class Archive:
    """The members of a zip file by name. Raises `CheckpointError` for bombs, overlaps, duplicates and encryption."""

    def __init__(self, window: Window) -> None:
        self._window = window
        with zipfile.ZipFile(_Seekable(window.view)) as archive:
            members = archive.infolist()
        _check_members(members, len(window))
        self._members = {member.filename: member for member in members}

    @property
    def names(self) -> list[str]:
        """The members' names in the order of the directory."""
        return list(self._members)

    @property
    def is_packed(self) -> bool:
        """Whether any member is compressed (torch compresses nothing)."""
        return any(member.compress_type != zipfile.ZIP_STORED for member in self._members.values())

    @property
    def root(self) -> str:
        """The folder of ``data.pkl``, with a slash. Raises `CheckpointError` if there is none."""
        name = next((name for name in self._members if name.rpartition("/")[2] == "data.pkl"), None)
        if name is None:
            raise CheckpointError("is a zip archive without a torch checkpoint in it")
        return name[: -len("data.pkl")]

    def has(self, name: str) -> bool:
        """Return whether there is such a member."""
        return name in self._members

    def size(self, name: str) -> int:
        """Return a member's unpacked size in bytes. Raises `CheckpointError` if there is no such member."""
        if name not in self._members:
            raise CheckpointError(f"lacks its part {name[-60:]}")
        return self._members[name].file_size

    def read(self, name: str) -> Source:
        """Return how to fetch a member; nothing is read or unpacked before that."""
        self.size(name)
        return lambda: self._content(self._members[name])

    def _content(self, member: zipfile.ZipInfo) -> memoryview | bytearray:
        packed = self._window.slice(self._start(member), member.compress_size)
        if member.compress_type == zipfile.ZIP_STORED:
            return packed
        content = zlib.decompressobj(-15).decompress(packed, member.file_size + 1)
        if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
            raise CheckpointError("is damaged: a part does not unpack to what it should be")
        return bytearray(content)

    def _start(self, member: zipfile.ZipInfo) -> int:
        header = _LOCAL_HEADER.unpack(self._window.slice(member.header_offset, _LOCAL_HEADER.size))
        if header[0] != b"PK\x03\x04":
            raise CheckpointError("is damaged: a part is not where the directory says")
        return member.header_offset + _LOCAL_HEADER.size + int(header[-2]) + int(header[-1])


def _check_members(members: list[zipfile.ZipInfo], file_size: int) -> None:
    if len(members) > MAX_TENSORS:
        raise CheckpointError(f"holds more than {MAX_TENSORS:,} parts")
    if len({member.filename for member in members}) != len(members):
        raise CheckpointError("holds two parts of the same name")
    total = sum(member.file_size for member in members)
    if total > min(MAX_CHECKPOINT_BYTES, _MAX_RATIO * file_size + _FREE_BYTES):
        raise CheckpointError(f"unpacks to {total:,} bytes from {file_size:,}, as no checkpoint does")
    for member in members:
        _check_member(member)
    _check_overlaps(members)


def _check_member(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & 1:
        raise CheckpointError("is encrypted", fix="unpack it and save the checkpoint without a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CheckpointError("is compressed in a way that torch does not use")
    if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
        raise CheckpointError("is damaged: a part has two sizes")


def _check_overlaps(members: list[zipfile.ZipInfo]) -> None:
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise CheckpointError("holds parts that lie over one another")
        end = member.header_offset + _LOCAL_HEADER.size + len(member.filename.encode()) + member.compress_size
