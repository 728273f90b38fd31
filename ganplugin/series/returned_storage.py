"""Files that a worker hands back instead of writing them."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ganplugin.errors import FileError

__all__ = ["ReturnedStorage"]


@dataclass(frozen=True)
class ReturnedStorage:
    """Memory, out of which whoever asked for the files takes them. Any thread may use it."""

    _files: dict[str, bytes] = field(default_factory=dict, repr=False)

    def write(self, path: str, data: bytes) -> None:
        """Keep a file until it is taken."""
        self._files[path] = data

    @contextlib.contextmanager
    def film(self, path: str) -> Iterator[Path]:
        """Give a place to write a film to, which is kept when the block ends well."""
        with tempfile.TemporaryDirectory(prefix="ganplugin-") as folder:
            film = Path(folder) / Path(path).name
            yield film
            self._files[path] = film.read_bytes()

    def read(self, path: str) -> bytes:
        """Return a file that was not taken yet."""
        if path not in self._files:
            raise FileError("there is no such file", where=path)
        return self._files[path]

    def digest(self, path: str) -> str:
        """Return the SHA-256 of a file that was not taken yet."""
        return hashlib.sha256(self.read(path)).hexdigest()

    def names(self, folder: str) -> Iterator[str]:
        """Yield the path of every file in a folder and below it that was not taken yet."""
        return (path for path in tuple(self._files) if path.startswith(f"{folder}/"))

    def take(self, path: str) -> bytes:
        """Return a file and forget it."""
        data = self.read(path)
        del self._files[path]
        return data

    def drop(self, path: str) -> bool:
        """Forget a file; tell whether it was there."""
        return self._files.pop(path, None) is not None
