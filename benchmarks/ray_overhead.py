"""What Ray costs beside plain processes, and what its driver can serve: ``python -m benchmarks.ray_overhead [--json]``.

One series of painted samples, rendered in turn by `Processes` and by `RayEngine` on a cluster of this machine, with the
same workers and threads. Prints

- Ray's time over that of processes, from the first piece that is told to the last, with chunks of 0.2 s and of the
  usual 2 s (starting is told apart: a cluster takes seconds to come up, once),
- the processor time of the driver for each piece, files streamed back or written by the workers, with pieces that cost
  next to nothing: its inverse is how many pieces a second one driver can serve, however many workers there are.

Only ratios and processor times are worth quoting: wall times depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from benchmarks.pairs import machine
from ganplugin.nodes import Context
from ganplugin.series import chunks
from ganplugin.series.engine import Engine
from ganplugin.series.entries import Done
from ganplugin.series.file import SeriesFile
from ganplugin.series.plan import Plan
from ganplugin.series.processes import Processes
from ganplugin.series.ray_engine import RayEngine
from ganplugin.series.storage import LocalStorage
from ganplugin.series.workshop import Job, Setup

SAMPLE = {
    "model": {"class_type": "GanPluginLoadModel", "inputs": {"model": "builtin:brushwork"}},
    "make": {"class_type": "GanPluginSample", "inputs": {"model": ["model", 0]}},
}
PAINTED = {
    **SAMPLE,
    "style": {"class_type": "GanPluginLoadModel", "inputs": {"model": "builtin:great-wave"}},
    "grow": {"class_type": "GanPluginResize", "inputs": {"images": ["make", 0], "side": 192}},
    "paint": {"class_type": "GanPluginStyleTransfer", "inputs": {"model": ["style", 0], "images": ["grow", 0]}},
}


@dataclass(frozen=True)
class Run:
    """Seconds until the first piece was told, from then to the last, and the driver's own processor time."""

    start: float
    steady: float
    driver_cpu: float
    pieces: int


def series(graph: dict[str, object], pieces: int) -> Plan:
    """Return the plan of a series that writes PNGs and nothing else."""
    traits = {"Seed": {"set": "make.seeds", "seeds": "any"}}
    fields = {"graph": graph, "edition": pieces, "traits": traits, "gallery": False, "sheets": False}
    return Plan.of(SeriesFile.model_validate(fields), Path())


def render(plan: Plan, engine: Engine, out: Path) -> Run:
    """Render a series with one thread a worker and time it."""
    shutil.rmtree(out, ignore_errors=True)
    setup = replace(Setup.of(plan, LocalStorage(out)), device="cpu", threads=1, encoders=1)
    began, cpu = time.perf_counter(), time.process_time()
    told = [(time.perf_counter(), entry) for entry in engine.run(setup, jobs(plan), Context())]
    if not all(isinstance(entry, Done) for _, entry in told):
        raise SystemExit("pieces failed: nothing to compare")
    first, last = told[0][0], told[-1][0]
    return Run(first - began, last - first, time.process_time() - cpu, len(told))


def jobs(plan: Plan) -> Iterator[Job]:
    """Yield the pieces, a few together."""
    return (Job("render", tuple(plan[i] for i in range(s, min(s + 8, len(plan))))) for s in range(0, len(plan), 8))


def overhead(workers: int, pieces: int, rounds: int, out: Path) -> dict[str, float]:
    """Return Ray's time over that of processes, with small chunks and with usual ones."""
    plan = series(PAINTED, pieces)
    engines: dict[str, tuple[Engine, float]] = {
        "processes": (Processes(workers), 0.0),
        "0.2 s": (RayEngine(workers=workers), 0.2),
        "2 s": (RayEngine(workers=workers), 2.0),
    }
    runs: dict[str, list[Run]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, (engine, aim) in engines.items():
            with patch.object(chunks, "_AIM_SECONDS", aim):
                runs[name].append(render(plan, engine, out))
    plain = runs["processes"]
    return {
        "seconds a piece": statistics.median(run.steady for run in plain) / pieces * workers,
        "Ray over processes, chunks of 0.2 s": ratio(runs["0.2 s"], plain),
        "Ray over processes, chunks of 2 s": ratio(runs["2 s"], plain),
        "start, processes": statistics.median(run.start for run in plain),
        "start, Ray": statistics.median(run.start for run in runs["2 s"]),
    }


def ratio(slow: list[Run], fast: list[Run]) -> float:
    """Return how many times longer one takes than the other: the median over the rounds."""
    return statistics.median(a.steady / b.steady for a, b in zip(slow, fast, strict=True))


def driver(workers: int, pieces: int, out: Path) -> dict[str, float]:
    """Return the driver's processor time, in milliseconds a piece, with pieces that cost next to nothing."""
    plan, found = series(SAMPLE, pieces), {}
    for name, shared in (("streamed", False), ("written by workers", True)):
        run = render(plan, RayEngine(workers=workers, shared=shared), out)
        # The network of the first pieces is no part of it: it is in the workers.
        found[f"driver ms a piece, {name}"] = 1000 * run.driver_cpu / run.pieces
    return found


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(description="Compare Ray with plain processes.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pieces", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        results = overhead(options.workers, options.pieces, options.rounds, out)
        results |= driver(options.workers, 20 * options.pieces, out)
    if options.json:
        print(json.dumps({"machine": machine(1), **results}))
        return
    print(machine(1))
    for name, value in results.items():
        print(f"{name:38} {value:8.3f}")


if __name__ == "__main__":
    main()
