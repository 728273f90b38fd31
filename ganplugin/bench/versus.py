"""Ours and another program's runs of the same batches, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ganplugin.bench.results import Comparison
from ganplugin.bench.workload import Workload
from ganplugin.errors import InputError

__all__ = ["Rival", "compare"]

Array = NDArray[np.float32]


class Rival(Protocol):
    """Another program that has the same network."""

    program: str

    def run(self, feeds: Mapping[str, Array]) -> Array:
        """Return the network's first output for these inputs, in main memory."""


def compare(work: Workload, rival: Rival, seconds: float, check: Callable[[], None]) -> Comparison:
    """Time both on batch after batch, for as many rounds as begin in the time, at least one after a first.

    Raises `InputError` if their outputs differ in shape, since then they are not the same network.
    """
    output = "score" if work.model.manifest.kind == "scorer" else "image"
    ours = [work.model.run(work.feeds(0), [output])[output], rival.run(work.feeds(0))]
    if ours[0].shape != ours[1].shape:
        raise InputError(f"gives {ours[1].shape}, the model {ours[0].shape}", where="--checkpoint", fix="name its own")
    pairs: list[tuple[float, float]] = []
    deadline = time.perf_counter() + seconds
    while not pairs or time.perf_counter() < deadline:
        check()
        feeds = work.feeds(len(pairs))
        marks = [time.perf_counter()]
        work.model.run(feeds, [output])
        marks.append(time.perf_counter())
        rival.run(feeds)
        marks.append(time.perf_counter())
        pairs.append((marks[1] - marks[0], marks[2] - marks[1]))
    own, other = (statistics.median(times) for times in zip(*pairs, strict=True))
    difference = float(np.abs(ours[0] - ours[1]).max())
    return Comparison(work.batch, len(pairs), other / own, rival.program, difference)
