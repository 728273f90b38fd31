"""What rendering a series takes of memory: ``python -m benchmarks.series_memory [--pieces 10000] [--frames 4000]``.

In a process of its own each, at 8 x 8 pixels, without pages:

- the resident size while a series of that many pieces is rendered, and its slope over the second half, in bytes a
  piece: what a longer series would add;
- the largest resident size while one walk is rendered, of 200 and of as many frames, as single frames and as a film.

Nothing waits for a disk, which changes no size. Needs Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from ganplugin.nodes.context import Context, SilentReporter
from ganplugin.series.engine import InProcess
from ganplugin.series.file import SeriesFile
from ganplugin.series.folder import SeriesFolder
from ganplugin.series.opening import Opened
from ganplugin.series.plan import Plan
from ganplugin.series.rendering import Request, render_series
from tests.tiny_models import tiny_generator

MODEL = {"class_type": "GanPluginLoadModel", "inputs": {"model": "tiny.onnx"}}
SAMPLES: dict[str, Any] = {
    "graph": {"model": MODEL, "make": {"class_type": "GanPluginSample", "inputs": {"model": ["model", 0]}}},
    "traits": {
        "Seed": {"set": "make.seeds", "seeds": "any"},
        # Another value for every piece, so that nothing is learned of any kind of piece.
        "Calm": {"set": "make.truncation", "range": [0.4, 1.0], "decimals": 9},
    },
}
FEW_FRAMES = 200
LOOKS = 100
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - a disk, not a name for a file


def walk(frames: int, write: str) -> dict[str, Any]:
    """Return a series of one walk."""
    inputs = {"model": ["model", 0], "frames": frames}
    return {
        "edition": 1,
        "graph": {"model": MODEL, "walk": {"class_type": "GanPluginInterpolate", "inputs": inputs}},
        "traits": {"Keys": {"set": "walk.seeds", "seeds": "any", "count": 4}},
        "outputs": [{"write": write}],
    }


def resident() -> int:
    """Return the resident size of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Looks(SilentReporter):
    """Looks at the resident size while pieces are made."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []

    def task(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Note the size a hundred times."""

        def done(number: int) -> None:
            if number % max(1, total // LOOKS) == 0:
                self.found.append((number, resident()))

        return contextlib.nullcontext(done)


def render(series: dict[str, Any]) -> tuple[list[tuple[int, int]], int]:
    """Render a series in this process; return sizes by pieces done, and the largest size of all."""
    os.fsync = lambda fd: None
    looks = Looks()
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as place:
        home = Path(place)
        tiny_generator(home / "tiny.onnx")
        plan = Plan.of(SeriesFile.model_validate({**series, "gallery": False}), home)
        opened = Opened(plan, SeriesFolder(home / "out"), home)
        placed = opened.placed(opened.setup(device="cpu"), fork=False)
        placed.begin()
        context = Context(device="cpu", reporter=looks)
        summary = render_series(plan, placed.folder, placed.setup, InProcess(), Request(), context)
    if summary.failed or summary.made != len(plan):
        raise SystemExit(f"pieces failed: {summary.failed}")
    return looks.found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def alone(series: dict[str, Any]) -> tuple[list[tuple[int, int]], int]:
    """Do the same in a new process."""
    # One arena: with more, sizes depend on which thread asked first, which is not what is measured.
    with one_arena(), multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(render, (series,))


@contextlib.contextmanager
def one_arena() -> Iterator[None]:
    """Let processes that start inside have one heap for all threads."""
    name = "MALLOC_ARENA_MAX"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        os.environ.pop(name) if before is None else os.environ.update({name: before})


def growth(looks: list[tuple[int, int]]) -> tuple[float, int]:
    """Return the slope in bytes a piece over the second half, and how much the size changed in it.

    Memory comes from the system a megabyte at a time, so that the slope is the median of those between any two looks.
    """
    pieces, sizes = np.array(looks[len(looks) // 2 :]).T
    first, second = np.triu_indices(len(pieces), 1)
    slopes = (sizes[second] - sizes[first]) / (pieces[second] - pieces[first])
    return float(np.median(slopes)), int(sizes[-1] - sizes[0])


def measure(pieces: int, frames: int) -> dict[str, Any]:
    """Measure everything."""
    looks, _ = alone({**SAMPLES, "edition": pieces})
    slope, grown = growth(looks)
    walks = {
        f"{write}, {count} frames": alone(walk(count, write))[1]
        for write in ("pictures", "film")
        for count in (FEW_FRAMES, frames)
    }
    return {"pieces": pieces, "size": looks[-1][1], "bytes a piece": round(slope, 1), "grown": grown, "walks": walks}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=4_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.pieces, given.frames)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(
        f"{found['pieces']} pieces: {found['size'] / 1e6:.1f} MB at the end, {found['grown'] / 1e6:+.2f} MB in the "
        f"second half, {found['bytes a piece']} bytes a piece"
    )
    for name, size in found["walks"].items():
        print(f"a walk as {name}: {size / 1e6:.1f} MB at most")


if __name__ == "__main__":
    main()
