"""Things timed in turn, A B A B: a machine whose speed drifts slows all of them, and their ratio stays."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Timing", "in_turn", "machine"]

Action = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Seconds of every round, by name."""

    rounds: Mapping[str, tuple[float, ...]]

    def seconds(self, name: str) -> float:
        """Return the median time of one."""
        return statistics.median(self.rounds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """Return how many times longer one takes than the other: the median over the rounds."""
        pairs = zip(self.rounds[slow], self.rounds[fast], strict=True)
        return statistics.median(a / b for a, b in pairs)


def in_turn(actions: Mapping[str, Action], rounds: int, *, warm_up: int = 1) -> Timing:
    """Run every action once a round, in order, and return the wall times; the first rounds are not counted."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for index in range(warm_up + rounds):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if index >= warm_up:
                times[name].append(time.perf_counter() - start)
    return Timing({name: tuple(values) for name, values in times.items()})


def machine(threads: int) -> str:
    """Say what was measured on: versions and threads (not the seconds, which mean nothing elsewhere)."""
    import onnxruntime
    import torch

    return f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}, {threads} threads"
