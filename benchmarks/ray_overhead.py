"""What Ray costs beside plain processes, and what its driver can serve: ``python -m benchmarks.ray_overhead [--json]``.

One series of painted samples, rendered in turn by `Processes` and by `RayEngine` on a cluster of this machine, with the
same workers and threads, once with few pieces and once with many: the difference is free of what starting takes. Prints

- processor time (of this process and all below it, Ray's own servers included) and wall time of Ray over those of
  processes, a piece more each, with chunks of 0.2 s and of the usual 2 s,
- the processor time of the driver alone for each piece, files streamed back or written by the workers, with pieces that
  cost next to nothing: its inverse is how many pieces a second one driver can serve, however many workers there are.

Linux only. Ratios and processor times are worth quoting: wall times depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
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


FEW: Final = 24


@dataclass(frozen=True)
class Run:
    """Seconds: until the first piece was told, until the last, and of processors, in all and of the driver alone."""

    start: float
    wall: float
    cpu: float
    driver: float


@dataclass(frozen=True)
class Marginal:
    """What one piece more takes, in seconds."""

    wall: float
    cpu: float


def processor_seconds() -> dict[int, float]:
    """Return the processor time of this process and of all that descend from it, by process."""
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            pid = int(stat.parent.name)
            parents[pid], spent[pid] = int(fields[1]), sum(map(int, fields[11:15]))
    family, size = {os.getpid()}, 0
    while len(family) > size:
        size = len(family)
        family |= {pid for pid, parent in parents.items() if parent in family}
    return {pid: spent[pid] / os.sysconf("SC_CLK_TCK") for pid in family}


def spent_since(before: dict[int, float]) -> float:
    """Return what the processes that are there have spent since; workers of an earlier run, which end, do not count."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in processor_seconds().items())


def series(graph: dict[str, object], pieces: int) -> Plan:
    """Return the plan of a series that writes PNGs and nothing else."""
    traits = {"Seed": {"set": "make.seeds", "seeds": "any"}}
    fields = {"graph": graph, "edition": pieces, "traits": traits, "gallery": False, "sheets": False}
    return Plan.of(SeriesFile.model_validate(fields), Path())


def render(plan: Plan, engine: Engine, out: Path) -> Run:
    """Render a series with one thread a worker and time it."""
    shutil.rmtree(out, ignore_errors=True)
    setup = replace(Setup.of(plan, LocalStorage(out)), device="cpu", threads=1, encoders=1)
    began, cpu, driver = time.perf_counter(), processor_seconds(), time.process_time()
    first, left = 0.0, len(plan)
    for entry in engine.run(setup, jobs(plan), Context()):
        if not isinstance(entry, Done):
            raise SystemExit("a piece failed: nothing to compare")
        first, left = first or time.perf_counter() - began, left - 1
        if not left:  # while the workers are still there to be counted
            found = Run(first, time.perf_counter() - began, spent_since(cpu), time.process_time() - driver)
    return found


def jobs(plan: Plan) -> Iterator[Job]:
    """Yield the pieces, a few together."""
    return (Job("render", tuple(plan[i] for i in range(s, min(s + 8, len(plan))))) for s in range(0, len(plan), 8))


def overhead(workers: int, pieces: int, rounds: int, out: Path) -> dict[str, float]:
    """Return Ray's time over that of processes, with small chunks and with usual ones."""
    few, many = series(PAINTED, FEW), series(PAINTED, FEW + pieces)
    engines: dict[str, tuple[Engine, float]] = {
        "processes": (Processes(workers), 0.0),
        "0.2 s": (RayEngine(workers=workers), 0.2),
        "2 s": (RayEngine(workers=workers), 2.0),
    }
    found: dict[str, list[Marginal]] = {name: [] for name in engines}
    starts: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, (engine, aim) in engines.items():
            with patch.object(chunks, "_AIM_SECONDS", aim):
                short, long = render(few, engine, out), render(many, engine, out)
            found[name].append(Marginal((long.wall - short.wall) / pieces, (long.cpu - short.cpu) / pieces))
            starts[name] += [short.start, long.start]
    plain = found["processes"]
    results = {"processor seconds a piece": statistics.median(it.cpu for it in plain)}
    for name in ("0.2 s", "2 s"):
        pairs = list(zip(found[name], plain, strict=True))
        results[f"Ray / processes, {name}, processor"] = statistics.median(a.cpu / b.cpu for a, b in pairs)
        results[f"Ray / processes, {name}, wall"] = statistics.median(a.wall / b.wall for a, b in pairs)
    results["seconds to the first piece, processes"] = statistics.median(starts["processes"])
    results["seconds to the first piece, Ray"] = statistics.median(starts["2 s"])
    return results


def driver(workers: int, pieces: int, out: Path) -> dict[str, float]:
    """Return the driver's processor time, in milliseconds a piece, with pieces that cost next to nothing."""
    plan, found = series(SAMPLE, pieces), {}
    for name, shared in (("streamed", False), ("written by workers", True)):
        run = render(plan, RayEngine(workers=workers, shared=shared), out)
        # The network of the first pieces is no part of it: it is in the workers.
        found[f"driver ms a piece, {name}"] = 1000 * run.driver / pieces
    return found


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(description="Compare Ray with plain processes.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pieces", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        results = overhead(options.workers, options.pieces, options.rounds, out)
        results |= driver(options.workers, 4800, out)
    if options.json:
        print(json.dumps({"machine": machine(1), **results}))
        return
    print(machine(1))
    for name, value in results.items():
        print(f"{name:42} {value:8.3f}")


if __name__ == "__main__":
    main()
