"""What feeding pictures costs: ``python benchmarks/input_pipeline.py [--json]``, interleaved in one run.

A training step is stood for by a small convolutional discriminator, forwards and backwards, at 64 pixels and batch 64.
Three ways to feed it: nothing (the same batch again), our packed set with its thread, and what tutorials do, a loop
that opens each file with Pillow, crops and scales it, and makes a tensor. Printed are the parts of a fed step that are
not the step's own, and how many times longer fetching alone takes. Only ratios are worth quoting; the parts measured
whole are differences of two long times, so that a busy machine may give them below nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from benchmarks.pairs import in_turn
from ganplugin.train.pictures.batches import Batches, load
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import pack
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sampling import Sampler
from ganplugin.train.pictures.sources import list_entries

SIZE, BATCH = 64, 64


def write_pictures(folder: Path, count: int) -> None:
    """Write smooth pictures of 96 x 80 pixels, PNG, as icons and thumbnails are."""
    random = np.random.default_rng(0)
    for index in range(count):
        rough = random.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(rough).resize((96, 80), Image.Resampling.BICUBIC).save(folder / f"{index:05d}.png")


def files(folder: Path) -> Iterator[Tensor]:
    """Give batches as tutorials do: each file opened, cropped, scaled and turned into floats in its turn."""
    paths = sorted(folder.glob("*.png"))
    for indices in Sampler(len(paths), BATCH):
        rows = []
        for index in indices:
            picture = Image.open(paths[index]).convert("RGB")
            pixels = np.asarray(ImageOps.fit(picture, (SIZE, SIZE), Image.Resampling.BILINEAR))
            rows.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255)
        yield torch.stack(rows)


def step_of(width: int) -> Callable[[Tensor], None]:
    """Return a training step of a discriminator of four convolutions, on pictures uint8 or float."""
    torch.manual_seed(0)
    widths = [3, width, 2 * width, 4 * width, 8 * width]
    layers = [
        layer for before, after in pairwise(widths) for layer in (nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2))
    ]
    network = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4))
    optimizer = torch.optim.Adam(network.parameters(), 2e-4)

    def step(pictures: Tensor) -> None:
        floats = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures
        optimizer.zero_grad()
        network(floats * 2 - 1).mean().backward()
        optimizer.step()

    return step


def measure(folder: Path, count: int, width: int, rounds: int) -> dict[str, float]:
    """Return the shares and ratios of one run."""
    (folder / "pictures").mkdir()
    write_pictures(folder / "pictures", count)
    pack(list_entries([folder / "pictures"]), Policy(width=SIZE, height=SIZE), folder / "x.pack")
    packed, step, slow = PackedSet.open(folder / "x.pack"), step_of(width), files(folder / "pictures")
    same, alone = load(packed, next(Sampler(len(packed), BATCH))), Sampler(len(packed), BATCH)
    with Batches(packed, Sampler(len(packed), BATCH)) as batches:
        timing = in_turn(
            {
                "step": lambda: step(same),
                "packed": lambda: step(next(batches).pictures),
                "files": lambda: step(next(slow)),
                "fetch packed": lambda: load(packed, next(alone)),
                "fetch files": lambda: next(slow),
            },
            rounds,
            warm_up=2,
        )
    return {
        "part of a step, packed": 1 - 1 / timing.ratio("packed", "step"),
        "part of a step, fetched without the thread": timing.ratio("fetch packed", "step"),
        "part of a step, files": 1 - 1 / timing.ratio("files", "step"),
        "files / packed, fetching alone": timing.ratio("fetch files", "fetch packed"),
    }


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description="Measure what feeding pictures costs.")
    parser.add_argument("--pictures", type=int, default=2000, help="how many pictures to make")
    parser.add_argument("--width", type=int, default=32, help="channels of the first convolution")
    parser.add_argument("--rounds", type=int, default=40, help="how often each way feeds a step")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the step")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), options.pictures, options.width, options.rounds)
    if options.json:
        print(json.dumps(results, indent=2))
        return
    for name, value in results.items():
        shown = f"{value:.0f}x" if name.startswith("files") else f"{value:.2%}"
        print(f"{name}: {shown}")


if __name__ == "__main__":
    main()
