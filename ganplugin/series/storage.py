"""Where the files of a series go."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ganplugin.files import atomic_write, contained, file_digest, os_errors

__all__ = ["LocalStorage", "Storage"]


class Storage(Protocol):
    """Takes files by their path below the series' folder, whole or not at all, in place of what was there."""

    def write(self, path: str, data: bytes) -> None:
        """Store a file. Raises `FileError` if it cannot be."""

    def film(self, path: str) -> contextlib.AbstractContextManager[Path]:
        """Give a place on this machine to write a film to, which is stored when the block ends well."""

    def read(self, path: str) -> bytes:
        """Return a file. Raises `FileError` if it is not there."""

    def digest(self, path: str) -> str:
        """Return the SHA-256 of a file, which is never held whole. Raises `FileError` if it is not there."""

    def names(self, folder: str) -> Iterator[str]:
        """Yield the path of every file in a folder and below it; none if there is no such folder."""


@dataclass(frozen=True)
class LocalStorage:
    """A folder."""

    folder: Path

    def write(self, path: str, data: bytes) -> None:
        """Write a file whole or not at all."""
        with atomic_write(contained(self.folder, path), overwrite=True) as part:
            part.write_bytes(data)

    @contextlib.contextmanager
    def film(self, path: str) -> Iterator[Path]:
        """Give the film's own place: whoever writes films writes them whole or not at all."""
        yield contained(self.folder, path)

    def read(self, path: str) -> bytes:
        """Return a file."""
        place = contained(self.folder, path)
        with os_errors(place):
            return place.read_bytes()

    def digest(self, path: str) -> str:
        """Return the SHA-256 of a file."""
        return file_digest(contained(self.folder, path))

    def names(self, folder: str) -> Iterator[str]:
        """Yield the path of every file in a folder and below it."""
        for place in (self.folder / folder).rglob("*"):
            if place.is_file():
                yield place.relative_to(self.folder).as_posix()
