"""Many pictures decoded by several threads, in order, a bounded number of them at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganplugin.errors import GanPluginError
from ganplugin.machine import usable_processors
from ganplugin.train.pictures.facts import Facts, look
from ganplugin.train.pictures.sources import Entry

__all__ = ["Broken", "Cut", "Examined", "Job", "examine"]

Cut = Callable[[Image.Image], NDArray[np.uint8]]

_AHEAD = 4
_MOST_THREADS = 16


@dataclass(frozen=True)
class Broken:
    """A file that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Job:
    """A picture to read, the size at which its pixels are needed (None: all of them), and what to cut out of it."""

    entry: Entry
    needed: tuple[int, int] | None = None
    cut: Cut | None = None


@dataclass(frozen=True, eq=False)
class Examined:
    """What came of a job: facts, and frames uint8 [n, c, h, w] where they were asked for."""

    facts: Facts
    frames: NDArray[np.uint8] | None


def examine(jobs: Iterable[Job], *, threads: int = 0) -> Iterator[Examined | Broken]:
    """Give the result of every job in order. ``threads`` = 0 takes one for each processor.

    Only a few jobs are under way at a time, so that memory does not grow with their number.
    """
    threads = threads or min(usable_processors(), _MOST_THREADS)
    waiting: deque[Future[Examined | Broken]] = deque()
    left = iter(jobs)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="pictures")
    try:
        waiting.extend(pool.submit(_examined, job) for job in islice(left, _AHEAD * threads))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(_examined, job) for job in islice(left, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _examined(job: Job) -> Examined | Broken:
    try:
        data = job.entry.fetch()
        levels = job.entry.decode(data, job.needed)
        facts = look(job.entry.name, job.entry.group, data, levels)
        return Examined(facts, job.cut(levels.image) if job.cut else None)
    except GanPluginError as error:
        reason = error.what if error.fix is None else f"{error.what} - {error.fix}"
        return Broken(job.entry.name, reason)
