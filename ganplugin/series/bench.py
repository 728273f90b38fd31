"""The other end of a workshop: pictures that were rendered become files, on threads of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from types import TracebackType
from typing import TYPE_CHECKING, Final

from ganplugin.nodes.values import Images, Origin
from ganplugin.series.encoding import Encoder
from ganplugin.series.entries import WrittenFile
from ganplugin.series.file import SeriesFile
from ganplugin.series.naming import FileName, PieceFiles
from ganplugin.series.storage import Storage
from ganplugin.series.unfinished import Unfinished
from ganplugin.series.views import View

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.nodes.context import Context

__all__ = ["Bench"]

_MOST_WAITING: Final = 8
"""Pictures that may wait for an encoder, beside those that encoders have at hand."""

_FILMS: Final = 2
"""Films made at once: the network works for one while the other is encoded."""

Written = tuple[tuple[FileName, WrittenFile], ...]


class Bench:
    """A context manager that encodes and writes. Whoever gives it pictures waits when too many are waiting."""

    def __init__(self, series: SeriesFile, views: tuple[View, ...], storage: Storage, threads: int) -> None:
        self._files = PieceFiles(series.outputs, views)
        self._encoder = Encoder(series.outputs, storage)
        self._thumbnails = series.gallery or series.sheets is not None
        self._encoders = _BoundedPool(threads, threads + _MOST_WAITING, "encoder")
        self._films = _BoundedPool(_FILMS, _FILMS, "film")

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._encoders.close()
        self._films.close()

    def picture(
        self, work: Unfinished, view: int, levels: NDArray[np.uint8], origin: Origin, frame: int | None
    ) -> None:
        """Take one picture of a piece, uint8 [h, w, c]; ``frame`` is its number where the piece has several."""
        names = self._names(work, view)
        shown = self._thumbnails and view == 0 and not frame

        def write() -> None:
            start = time.monotonic()
            files = self._encoder.picture(levels, origin, work.piece, names, frame)
            thumbnail = self._encoder.thumbnail(levels, work.piece) if shown else None
            work.written(frame, files, thumbnail, time.monotonic() - start)

        for name in names:
            work.expect(name.path if frame is None else name.sequence)
        work.made_of(origin)
        work.add(self._encoders.submit(write))

    def film(self, work: Unfinished, view: int, frames: Images, context: Context) -> None:
        """Take the frames of a piece as a film; they are rendered as it is written."""
        names = self._names(work, view)

        def write() -> None:
            start = time.monotonic()
            files = tuple((name, self._encoder.film(frames, work.piece, name, context)) for name in names)
            shown = self._thumbnails and view == 0
            thumbnail = self._encoder.thumbnail(frames.levels(0, 1)[0], work.piece) if shown else None
            work.written(None, files, thumbnail, time.monotonic() - start)

        for name in names:
            work.expect(name.path)
        for origin in frames.origins():
            work.made_of(origin)
        work.add(self._films.submit(write))

    def _names(self, work: Unfinished, view: int) -> tuple[FileName, ...]:
        names = self._files.names(work.piece.index, work.piece.named)
        return tuple(name for name in names if name.output == view)


class _BoundedPool:
    """Threads that take so many tasks and no more: `submit` waits for room."""

    def __init__(self, threads: int, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._room = BoundedSemaphore(most)

    def submit(self, task: Callable[[], None]) -> Future[None]:
        """Let a thread do it, once there is room."""
        self._room.acquire()
        future = self._pool.submit(task)
        future.add_done_callback(lambda done: self._room.release())
        return future

    def close(self) -> None:
        """Forget what has not begun and wait for the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)
