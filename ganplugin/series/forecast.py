"""What a series is going to be, before it is rendered: pieces, rarity, time and disk."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ganplugin.nodes.context import Context
from ganplugin.series.entries import Done, Failed
from ganplugin.series.estimate import Estimate, estimate
from ganplugin.series.opening import Opened
from ganplugin.series.plan import Plan
from ganplugin.series.rendering import Request
from ganplugin.series.workshop import Setup

__all__ = ["Forecast", "duration", "forecast"]

_MOST_VALUES: Final = 12
_MOST_DRAWN: Final = 100_000
"""Pieces that are drawn to count traits."""


@dataclass(frozen=True)
class Forecast:
    """The plan in numbers. ``missing`` pieces are still to be rendered and ``unjudged`` candidates to be judged."""

    title: str
    folder: Path
    pieces: int
    candidates: int
    missing: int
    unjudged: int
    files: tuple[str, ...]
    traits: dict[str, Counter[object]]
    estimate: Estimate
    workers: int
    free: int

    @property
    def seconds(self) -> float:
        """How long it takes from here on, if the workers do not get into one another's way."""
        return self.estimate.seconds * (self.missing + self.unjudged) / self.workers

    @property
    def bytes(self) -> int:
        """How much disk the missing pieces need."""
        return self.estimate.bytes * self.missing

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "title": self.title,
            "folder": str(self.folder),
            "pieces": self.pieces,
            "candidates": self.candidates,
            "missing": self.missing,
            "unjudged": self.unjudged,
            "files": list(self.files),
            "traits": {name: {str(value): n for value, n in counts.items()} for name, counts in self.traits.items()},
            "seconds_per_piece": round(self.estimate.seconds, 4),
            "bytes_per_piece": self.estimate.bytes,
            "seconds": round(self.seconds, 1),
            "bytes": self.bytes,
            "free_bytes": self.free,
            "failed": self.estimate.failed,
        }

    def lines(self) -> list[str]:
        """Return it for people."""
        chosen = f", chosen of {self.candidates} candidates" if self.candidates > self.pieces else ""
        there = self.pieces - self.missing
        lines = [
            f"{self.title}: {self.pieces} pieces{chosen}, into {self.folder}"
            + (f" ({there} are there)" if there else ""),
            f"files of piece 0: {', '.join(self.files)}",
            *(line for name, counts in self.traits.items() for line in _trait_lines(name, counts)),
            f"time: about {duration(self.seconds)} ({self.estimate.seconds:.2f} s a piece, {self.workers} at a time)",
            f"disk: about {size(self.bytes)} ({size(self.free)} free)",
        ]
        if self.bytes > self.free:
            lines.append("that is more than is free: choose another disk with --out, or fewer formats and sizes")
        if self.estimate.failed:
            lines.append(f"one could not be made: {self.estimate.failed}")
        return lines


def forecast(opened: Opened, setup: Setup, request: Request, workers: int, context: Context) -> Forecast:
    """Count what is missing, draw the traits, and make a few pieces to time them."""
    plan, done, judged = opened.plan, set[int](), set[int]()
    for entry in opened.folder.entries():
        if isinstance(entry, Failed):
            done.discard(entry.piece)
        else:
            (done if isinstance(entry, Done) else judged).add(entry.piece)
    wanted = plan.kept if request.pieces is None else min(plan.kept, len(request.pieces))
    curated = plan.series.keep is not None
    with context.reporter.task("Measuring", 1):
        measured = estimate(plan, setup, context)
    return Forecast(
        title=plan.series.title,
        folder=opened.folder.path,
        pieces=wanted,
        candidates=len(plan),
        missing=max(0, wanted - len(done if request.pieces is None else done.intersection(request.pieces))),
        unjudged=len(plan) - len(judged | done) if curated else 0,
        files=tuple(name.path for name in plan.files.names(0, plan[0].named)),
        traits=_traits(plan),
        estimate=measured,
        workers=workers,
        free=_free(opened.folder.path),
    )


def _traits(plan: Plan) -> dict[str, Counter[object]]:
    counts: dict[str, Counter[object]] = {}
    for index in range(min(len(plan), _MOST_DRAWN)):
        for name, value in plan[index].traits.items():
            counts.setdefault(name, Counter())[value] += 1
    return counts


def _trait_lines(name: str, counts: Counter[object]) -> Iterable[str]:
    if len(counts) > _MOST_VALUES:
        numbers = [value for value in counts if isinstance(value, (int, float))]
        among = f", {min(numbers)} to {max(numbers)}" if len(numbers) == len(counts) else ""
        yield f"  {name}: {len(counts)} values{among}"
        return
    total = counts.total() if hasattr(counts, "total") else sum(counts.values())
    yield f"  {name}: " + ", ".join(f"{value} {count / total:.0%}" for value, count in counts.most_common())


def _free(path: Path) -> int:
    place = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    return shutil.disk_usage(place).free


def duration(seconds: float) -> str:
    """Return a time as people say it: 42 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: int) -> str:
    """Return a number of bytes as people say it: 12 MB, 3.4 GB."""
    megabytes = count / 1e6
    return f"{megabytes:.1f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"
