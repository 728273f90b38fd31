"""Batch sizes timed in turn, so that a machine whose speed drifts slows all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from ganplugin.bench.results import BatchSpeed
from ganplugin.bench.workload import Workload

__all__ = ["affordable", "sweep"]


def affordable(
    work: Workload, batches: Sequence[int], seconds: float, check: Callable[[], None]
) -> tuple[list[Workload], list[int]]:
    """Warm every batch size up, smallest first; return those that fit into the time twice, and the sizes left out."""
    chosen: list[Workload] = []
    for position, batch in enumerate(batches):
        check()
        if chosen:
            expected = _warmed(chosen[-1]) * batch / chosen[-1].batch
            if 2 * expected * 2 > seconds:
                return chosen, list(batches[position:])
        chosen.append(work.of(batch))
        chosen[-1].run(0)
    return chosen, []


def _warmed(work: Workload) -> float:
    """Return the seconds of one run, after the first, which opens and prepares."""
    start = time.perf_counter()
    work.run(0)
    return time.perf_counter() - start


def sweep(works: Sequence[Workload], seconds: float, check: Callable[[], None]) -> tuple[BatchSpeed, ...]:
    """Run every batch size once a round, for as many rounds as begin in the time, at least one; ``check`` may raise."""
    times: list[list[float]] = [[] for _ in works]
    for work in works:
        work.steps.clear()
    deadline, number = time.perf_counter() + seconds, 0
    while number == 0 or time.perf_counter() < deadline:
        for work, taken in zip(works, times, strict=True):
            check()
            start = time.perf_counter()
            work.run(number)
            taken.append(time.perf_counter() - start)
        number += 1
    return tuple(_speed(work, taken) for work, taken in zip(works, times, strict=True))


def _speed(work: Workload, taken: Sequence[float]) -> BatchSpeed:
    median, total = statistics.median(taken), sum(taken)
    return BatchSpeed(
        batch=work.batch,
        rounds=len(taken),
        pictures_per_second=work.batch / median,
        milliseconds=1000 * median,
        network=work.steps["network"] / total,
        conversion=work.steps["conversion"] / total,
    )
