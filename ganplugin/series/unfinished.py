"""A piece on its way to disk."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from ganplugin.errors import GanPluginError, ImageError, InputError, ModelError
from ganplugin.nodes.values import Origin
from ganplugin.series.entries import Done, Entry, Failed, WrittenFile
from ganplugin.series.naming import FileName
from ganplugin.series.plan import Piece

__all__ = ["Unfinished", "failed"]

_PIECES_OWN: Final = (ImageError, InputError, ModelError)
"""Errors that are of one piece; others would meet the next one too."""


@dataclass(eq=False)
class Unfinished:
    """A piece whose files are being written. Only little is kept of each, however many they are."""

    piece: Piece
    seconds: float = 0.0
    _tasks: deque[Future[None]] = field(default_factory=deque)
    _files: dict[str, WrittenFile | _Frames | None] = field(default_factory=dict)
    _thumbnail: WrittenFile | None = None
    _facts: dict[str, dict[str, str]] = field(default_factory=lambda: {"models": {}, "inputs": {}})
    _provider: str = ""
    _threads: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, path: str) -> None:
        """Give a file its place among the others: they may be finished in another order."""
        self._files.setdefault(path, None)

    def made_of(self, origin: Origin) -> None:
        """Note what one of its pictures was made of."""
        self._facts["models"].update(origin.models)
        self._facts["inputs"].update(origin.inputs)
        self._provider, self._threads = self._provider or origin.provider, self._threads or origin.threads

    def add(self, task: Future[None]) -> None:
        """Wait for one more task before it is done."""
        while self._tasks and self._tasks[0].done() and self._tasks[0].exception() is None:
            self._tasks.popleft()
        self._tasks.append(task)

    def written(
        self,
        frame: int | None,
        files: tuple[tuple[FileName, WrittenFile], ...],
        thumbnail: WrittenFile | None,
        seconds: float,
    ) -> None:
        """Note files that are on disk; ``frame`` is their number where there are many. Any thread may call it."""
        with self._lock:
            self.seconds += seconds
            self._thumbnail = thumbnail or self._thumbnail
            for name, file in files:
                if frame is None:
                    self._files[name.path] = file
                else:
                    self._frames(name, file).add(frame, file)

    def _frames(self, name: FileName, first: WrittenFile) -> _Frames:
        found = self._files.get(name.sequence)
        if not isinstance(found, _Frames):
            found = self._files[name.sequence] = _Frames(name.sequence, first.width, first.height)
        return found

    def is_done(self) -> bool:
        """Tell whether all its files are written, or one of them could not be."""
        return all(task.done() for task in self._tasks)

    def entry(self) -> Entry:
        """Wait for its files and return what became of it. Raises what stops the whole series."""
        try:
            for task in self._tasks:
                task.result()
        except _PIECES_OWN as error:
            return failed(self.piece, error)
        files = (file.whole() if isinstance(file, _Frames) else file for file in self._files.values())
        return Done(
            piece=self.piece.index,
            digest=self.piece.digest,
            files=tuple(file for file in files if file is not None),
            thumbnail=self._thumbnail,
            models=self._facts["models"],
            inputs=self._facts["inputs"],
            provider=self._provider,
            threads=self._threads,
            seconds=round(self.seconds, 4),
        )


class _Frames:
    """A numbered sequence of files, of which only a digest is kept."""

    def __init__(self, path: str, width: int, height: int) -> None:
        self._path, self._size = path, (width, height)
        self._digest = hashlib.sha256()
        self._early: dict[int, str] = {}
        self._count = self._bytes = 0

    def add(self, frame: int, file: WrittenFile) -> None:
        """Count a file in; encoders may finish a little out of order."""
        self._early[frame] = file.sha256
        self._bytes += file.bytes
        while self._count in self._early:
            self._digest.update(self._early.pop(self._count).encode())
            self._count += 1

    def whole(self) -> WrittenFile:
        """Return the whole sequence."""
        width, height = self._size
        return WrittenFile(
            path=self._path,
            sha256=self._digest.hexdigest(),
            bytes=self._bytes,
            width=width,
            height=height,
            frames=self._count,
        )


def failed(piece: Piece, error: GanPluginError) -> Failed:
    """Return the entry of a piece that could not be made."""
    return Failed(piece=piece.index, digest=piece.digest, error=str(error), kind=type(error).__name__)
