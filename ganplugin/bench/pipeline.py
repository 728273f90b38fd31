"""A render to files as a series does it: one thread for the network, others for the encoders, and no more waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.bench.results import PipelineRun
from ganplugin.bench.workload import Workload
from ganplugin.images import write_picture

__all__ = ["render_to_files"]

_QUEUED: Final = 8
"""Pictures that may wait, beside those that encoders have at hand."""


def render_to_files(
    work: Workload, encoders: int, seconds: float, folder: Path, check: Callable[[], None]
) -> PipelineRun:
    """Render PNG files into ``folder`` for so long, then wait for the last; each encoder overwrites its own few files.

    Raises what the model and the files raise, and what ``check``, asked before each batch, does.
    """
    work.steps.clear()
    desk = _Desk(folder, encoders + _QUEUED)
    start, number = time.perf_counter(), 0
    with ThreadPoolExecutor(encoders, thread_name_prefix="encoder") as pool:
        try:
            while number == 0 or time.perf_counter() - start < seconds:
                check()
                pictures = work.run(number)
                for picture in () if pictures is None else pictures:
                    desk.hand_over(picture, pool)
                number += 1
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        rendered = time.perf_counter()
    written = [future.result() for future in desk.files]
    ended = time.perf_counter()
    total = ended - start
    return PipelineRun(
        batch=work.batch,
        encoders=encoders,
        pictures=len(written),
        pictures_per_second=len(written) / total,
        bytes_per_picture=round(sum(size for size, _ in written) / len(written)),
        network=work.steps["network"] / total,
        conversion=work.steps["conversion"] / total,
        waiting=(desk.waited + ended - rendered) / total,
        encoding=sum(busy for _, busy in written) / (total * encoders),
    )


@dataclass
class _Desk:
    """Where the network's thread leaves pictures: it waits when too many lie there."""

    folder: Path
    most: int
    waited: float = 0.0
    files: list[Future[tuple[int, float]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._room = BoundedSemaphore(self.most)

    def hand_over(self, picture: NDArray[np.uint8], pool: ThreadPoolExecutor) -> None:
        """Give a picture to the encoders, as soon as there is room."""
        start = time.perf_counter()
        self._room.acquire()
        self.waited += time.perf_counter() - start
        # As many names as pictures can be on their way: no two threads write the same one, and little disk is used.
        path = self.folder / f"{len(self.files) % self.most:04d}.png"
        future = pool.submit(_write, picture, path)
        future.add_done_callback(lambda done: self._room.release())
        self.files.append(future)


def _write(picture: NDArray[np.uint8], path: Path) -> tuple[int, float]:
    """Write a file and return its size and the seconds that it took."""
    start = time.perf_counter()
    write_picture(picture, path, text={}, overwrite=True)
    return path.stat().st_size, time.perf_counter() - start
