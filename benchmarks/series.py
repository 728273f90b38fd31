"""What rendering a series costs beyond the network: ``python -m benchmarks.series [--size 256] [--json]``.

In one run, in turn: a series through `ganplugin render`'s own engine; the same batches through onnxruntime alone; the
encoding of the same pictures alone; and the loop that most projects have (PyTorch, one picture at a time, Pillow).
Prints

- the series' wall time over that of onnxruntime plus encoding divided over the cores that are free, and how many times
  faster it is than the loop, with a StyleGAN2 of random weights;
- with a generator that costs next to nothing and gives noisy pictures, how many of them the rest of the pipeline makes
  in a second, and how many times faster than the loop that is;
- how much faster two workers of one thread are than one, without their start.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
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

    def fresh(self) -> Path:
        """Return a folder for one run that is not there yet."""
        return self.folder / "out" / secrets.token_hex(4)


def series_of(place: Place, pieces: int) -> Plan:
    """Return the plan of a series of samples as PNG, without pages and thumbnails."""
    graph = {
        "model": {"class_type": "GanPluginLoadModel", "inputs": {"model": place.model}},
        "make": {"class_type": "GanPluginSample", "inputs": {"model": ["model", 0]}},
    }
    fields = {"graph": graph, "edition": pieces, "traits": {"Seed": {"set": "make.seeds", "seeds": "any"}}}
    return Plan.of(SeriesFile.model_validate({**fields, "gallery": False, "sheets": False}), place.folder)


def render(place: Place, plan: Plan, engine: Engine, threads: int, batch: int) -> int:
    """Render all pieces into a new folder; return how many were made."""
    plain = Setup.of(plan, LocalStorage(place.fresh()))
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


def obvious_loop(place: Place, network: Network, pieces: int) -> Callable[[], object]:
    """Return the loop of most projects: one picture at a time, converted by torch, saved by Pillow."""
    given = [torch.zeros(1, 512) if port.default is None else port.default for port in network.inputs]

    def run() -> None:
        for seed in range(pieces):
            z = torch.from_numpy(np.random.RandomState(seed).randn(1, 512).astype(np.float32))
            with torch.inference_mode():
                save_as_most_do(network.module(z, *given[1:])[0], place.folder, seed)

    return run


def save_as_most_do(picture: torch.Tensor, folder: Path, seed: int) -> None:
    """Convert a picture, float32 [1, 3, h, w] in 0..1, and save it."""
    pixels = (picture.permute(0, 2, 3, 1) * 255).clamp(0, 255).to(torch.uint8)
    Image.fromarray(pixels[0].numpy(), "RGB").save(folder / f"seed{seed:04d}.png")


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
                "loop": obvious_loop(place, network, pieces),
            },
            rounds,
        )
    free = max(1, (os.cpu_count() or 1) - THREADS)
    each = list(zip(*timing.rounds.values(), strict=True))
    return {
        "series over network plus encoding": statistics.median(s / (n + e / free) for s, n, e, _ in each),
        "loop over series": statistics.median(loop / s for s, _, _, loop in each),
        "network ms here": statistics.median(n / pieces * 1000 for _, n, _, _ in each),
    }


def the_rest(size: int, pieces: int, rounds: int) -> Mapping[str, float]:
    """Measure the pipeline with a generator that costs next to nothing, against the loop's saving of its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), "free.onnx")
        free_generator(place.folder / place.model, size)
        plan = series_of(place, pieces)
        model = open_model(place.folder / place.model, RuntimeOptions("cpu", THREADS))
        picture = torch.from_numpy(model.run({"z": np.zeros((1, 64), np.float32)}, ["image"])["image"])

        def loop() -> None:
            for seed in range(pieces // 8):
                save_as_most_do(picture, place.folder, seed)

        timing = in_turn({"series": lambda: render(place, plan, InProcess(), THREADS, 0), "loop": loop}, rounds)
    each = list(zip(timing.rounds["series"], timing.rounds["loop"], strict=True))
    return {
        "pictures a second here": statistics.median(pieces / series for series, _ in each),
        "loop over series": statistics.median((loop / (pieces // 8)) / (series / pieces) for series, loop in each),
    }


def scaling(pieces: int, rounds: int) -> Mapping[str, float]:
    """Measure two workers of one thread against one, by what twice as many pieces take longer."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), "stylegan2.onnx")
        write_network(stylegan2(256, 128), place.folder / place.model)
        plans = {count: series_of(place, count * pieces) for count in (1, 2, 4)}
        timing = in_turn(
            {
                f"{workers} for {count}": partial(render, place, plans[count], Processes(workers), 1, 4)
                for workers, count in ((1, 1), (2, 2), (1, 2), (2, 4))
            },
            rounds,
            warm_up=0,
        )
    one, two, longer_one, longer_two = (np.array(seconds) for seconds in timing.rounds.values())
    return {"two workers over one": float(np.median(2 * (longer_one - one) / (longer_two - two)))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pieces", type=int, default=64, help="of each network; others by it")
    parser.add_argument(
        "--only", choices=["256", "1024", "rest, 256", "rest, 1024", "workers"], help="one of the measurements"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    wanted: dict[str, Callable[[], Mapping[str, float]]] = {
        "256": lambda: compare(256, 256, options.pieces, options.rounds, 4),
        "1024": lambda: compare(1024, 256, options.pieces, options.rounds, 1),
        "rest, 256": lambda: the_rest(256, 8 * options.pieces, options.rounds),
        "rest, 1024": lambda: the_rest(1024, 4 * options.pieces, options.rounds),
        "workers": lambda: scaling(2 * options.pieces, options.rounds),
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
