"""What rendering a series costs beyond the network: ``python -m benchmarks.series [--size 256] [--json]``.

In one run, in turn: a series through `ganplugin render`'s own engine; the same batches through onnxruntime alone; the
encoding of the same pictures alone; and the loop that most projects have (PyTorch, one picture at a time, Pillow).
Prints

- the series' wall time over that of onnxruntime plus encoding divided over the cores that are free,
- how many times faster it is than the loop, in all and on everything but the network,
- with a generator that costs next to nothing, how many pictures a second the rest of the pipeline makes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.pairs import in_turn, machine
from benchmarks.series_models import free_generator, stylegan2, write_network
from ganplugin.images import encode_picture
from ganplugin.models.network import Network
from ganplugin.nodes import Context
from ganplugin.runtime import RuntimeOptions, open_model
from ganplugin.seeds import seed_latents
from ganplugin.series.engine import Engine, InProcess
from ganplugin.series.entries import Done
from ganplugin.series.file import SeriesFile
from ganplugin.series.plan import Plan
from ganplugin.series.processes import Processes
from ganplugin.series.storage import LocalStorage
from ganplugin.series.workshop import Job, Setup

THREADS = 2


@dataclass(frozen=True)
class Place:
    """A folder with a model in it, and where files go."""

    folder: Path
    model: str

    @property
    def out(self) -> Path:
        """A folder that is emptied before each run."""
        return self.folder / "out"


def series_of(place: Place, pieces: int) -> Plan:
    """Return the plan of a series of samples as PNG, without pages and thumbnails."""
    graph = {
        "model": {"class_type": "GanPluginLoadModel", "inputs": {"model": place.model}},
        "make": {"class_type": "GanPluginSample", "inputs": {"model": ["model", 0]}},
    }
    fields = {"graph": graph, "edition": pieces, "traits": {"Seed": {"set": "make.seeds", "seeds": "any"}}}
    return Plan.of(SeriesFile.model_validate({**fields, "gallery": False, "sheets": False}), place.folder)


def render(place: Place, plan: Plan, engine: Engine, threads: int, batch: int) -> int:
    """Render all pieces into an empty folder; return how many were made."""
    shutil.rmtree(place.out, ignore_errors=True)
    plain = Setup.of(plan, LocalStorage(place.out))
    setup = replace(plain, device="cpu", threads=threads, batch=batch)
    jobs = (Job("render", tuple(plan[i] for i in range(s, min(s + 32, len(plan))))) for s in range(0, len(plan), 32))
    made = sum(isinstance(entry, Done) for entry in engine.run(setup, jobs, Context()))
    if made != len(plan):
        raise SystemExit(f"{len(plan) - made} pieces failed: nothing to compare")
    return made


def network_alone(place: Place, plan: Plan, batch: int) -> Callable[[], object]:
    """Return what runs onnxruntime on the same latents in the same batches and drops the pictures."""
    model = open_model(place.folder / place.model, RuntimeOptions("cpu", THREADS, batch))
    seeds = [int(piece.changes["make.seeds"]) for piece in plan]
    z = seed_latents(seeds, model.manifest.z_dim or 0)

    def run() -> object:
        return [
            model.run({"z": z[start : start + batch]}, ["image"])["image"].shape for start in range(0, len(z), batch)
        ]

    return run


def encoding_alone(place: Place, pieces: int) -> Callable[[], object]:
    """Return what encodes and writes so many pictures of the model as PNG, on this thread."""
    model = open_model(place.folder / place.model, RuntimeOptions("cpu", THREADS))
    levels = model.generate_levels(seed_latents(range(4), model.manifest.z_dim or 0))
    storage = LocalStorage(place.folder / "encoded")

    def encode() -> None:
        for number in range(pieces):
            storage.write(f"{number:05}.png", encode_picture(levels[number % 4], ".png", text={}))

    return encode


def obvious_loop(place: Place, network: Network, pieces: int, *, with_network: bool) -> Callable[[], object]:
    """Return the loop of most projects: one picture at a time, converted by torch, saved by Pillow."""
    folder = place.folder / "loop"
    given = [torch.zeros(1, 512) if port.default is None else port.default for port in network.inputs]

    def picture(seed: int) -> torch.Tensor:
        z = torch.from_numpy(np.random.RandomState(seed).randn(1, 512).astype(np.float32))
        with torch.inference_mode():
            return network.module(z, *given[1:])[0]

    fixed = picture(0)

    def run() -> None:
        folder.mkdir(exist_ok=True)
        for seed in range(pieces):
            made = picture(seed) if with_network else fixed
            pixels = (made.permute(0, 2, 3, 1) * 255).clamp(0, 255).to(torch.uint8)
            Image.fromarray(pixels[0].numpy(), "RGB").save(folder / f"seed{seed:04d}.png")

    return run


def compare(size: int, widest: int, pieces: int, rounds: int, batch: int) -> Mapping[str, float]:
    """Measure a StyleGAN2 of one size."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), "stylegan2.onnx")
        network = stylegan2(size, widest)
        write_network(network, place.folder / place.model)
        plan = series_of(place, pieces)
        timing = in_turn(
            {
                "series": lambda: render(place, plan, InProcess(), THREADS, batch),
                "network": network_alone(place, plan, batch),
                "encoding": encoding_alone(place, pieces),
                "loop": obvious_loop(place, network, pieces, with_network=True),
                "loop, the rest": obvious_loop(place, network, pieces, with_network=False),
            },
            rounds,
        )
    return figures(timing.rounds, pieces)


def figures(rounds: Mapping[str, tuple[float, ...]], pieces: int) -> Mapping[str, float]:
    """Return the ratios, each the median over the rounds."""
    free = max(1, (os.cpu_count() or 1) - THREADS)
    each = list(zip(*rounds.values(), strict=True))
    return {
        "series over network plus encoding": statistics.median(s / (n + e / free) for s, n, e, _, _ in each),
        "series over network": statistics.median(s / n for s, n, _, _, _ in each),
        "loop over series": statistics.median(loop / s for s, _, _, loop, _ in each),
        "loop over series, but for the network": statistics.median(
            rest / max(1e-9, s - n) for s, n, _, _, rest in each
        ),
        "network ms": statistics.median(n / pieces * 1000 for _, n, _, _, _ in each),
        "encoding ms": statistics.median(e / pieces * 1000 for _, _, e, _, _ in each),
        "loop's rest ms": statistics.median(rest / pieces * 1000 for _, _, _, _, rest in each),
    }


def ceiling(size: int, pieces: int, rounds: int) -> Mapping[str, float]:
    """Measure the pipeline with a generator that costs next to nothing."""
    rates, loads = [], []
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), "free.onnx")
        free_generator(place.folder / place.model, size)
        plan = series_of(place, pieces)
        for _ in range(rounds + 1):
            wall, busy = time.perf_counter(), time.process_time()
            render(place, plan, InProcess(), THREADS, 0)
            rates.append(pieces / (time.perf_counter() - wall))
            loads.append((time.process_time() - busy) / pieces * 1000)
    return {"pictures a second": statistics.median(rates[1:]), "CPU ms a picture": statistics.median(loads[1:])}


def scaling(pieces: int, rounds: int) -> Mapping[str, float]:
    """Measure two workers of one thread against one."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), "stylegan2.onnx")
        write_network(stylegan2(256, 128), place.folder / place.model)
        one, two = series_of(place, pieces), series_of(place, 2 * pieces)
        timing = in_turn(
            {
                "one": lambda: render(place, one, Processes(1), 1, 4),
                "two": lambda: render(place, two, Processes(2), 1, 4),
            },
            rounds,
        )
    return {"two workers over one": 2 * timing.ratio("one", "two")}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pieces", type=int, default=64)
    parser.add_argument("--only", choices=["256", "1024", "ceiling", "workers"], help="one of the measurements")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    wanted: dict[str, Callable[[], Mapping[str, float]]] = {
        "256": lambda: compare(256, 256, options.pieces, options.rounds, 4),
        "1024": lambda: compare(1024, 64, options.pieces, options.rounds, 1),
        "ceiling": lambda: ceiling(1024, 4 * options.pieces, options.rounds),
        "workers": lambda: scaling(options.pieces, options.rounds),
    }
    found = {name: measure() for name, measure in wanted.items() if options.only in (None, name)}
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(machine(THREADS))
    for name, results in found.items():
        print(f"\n{name}")
        for what, value in results.items():
            print(f"  {what:40} {value:8.2f}")


if __name__ == "__main__":
    main()
