"""What each metric sees: real pictures spoiled in known ways, against real ones that were held out, and what it costs.

python benchmarks/metrics.py FOLDER.pack --backbone efficientnet-lite0 --samples 500
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.train.metrics.backbones.choice import BACKBONES, load_backbone
from ganplugin.train.metrics.evaluation import Evaluation
from ganplugin.train.pictures.packed import PackedSet

NUMBERS = (
    "kid",
    "fid",
    "precision",
    "recall",
    "density",
    "coverage",
    "diversity",
    "duplicates",
    "spectrum",
    "sharpness",
    "checkerboard",
    "copies",
    "nearest_ratio",
)
Spoil = Callable[[Tensor], Tensor]


def checkerboard(images: Tensor) -> Tensor:
    """Add a pattern of 2 pixels, 10 levels strong."""
    rows, columns = (torch.arange(side) for side in images.shape[2:])
    return (images + 0.04 * (1 - 2.0 * ((rows[:, None] + columns) % 2))).clamp(0, 1)


def blur(images: Tensor) -> Tensor:
    """Average over 3 x 3 pixels."""
    return F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)


def few(images: Tensor) -> Tensor:
    """Show ten pictures again and again."""
    return images[torch.arange(len(images)) % 10]


def noise(images: Tensor) -> Tensor:
    """Show noise."""
    return torch.rand(images.shape, generator=torch.Generator().manual_seed(0))


CASES: dict[str, Spoil] = {
    "training pictures": lambda images: images,
    "their checkerboards": checkerboard,
    "blurred": blur,
    "in grey": lambda images: images.mean(1, keepdim=True).expand_as(images),
    "ten of them": few,
    "noise": noise,
}


def shown(images: Tensor) -> Callable[[int, int], Tensor]:
    """Return the generator that makes just these pictures."""
    return lambda start, count: images[start : start + count]


def main() -> None:
    """Print a table in Markdown: a row for each way to spoil pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pack", type=Path)
    parser.add_argument("--backbone", default=BACKBONES[0], choices=BACKBONES)
    parser.add_argument("--samples", type=int, default=500)
    given = parser.parse_args()
    training, unseen = PackedSet.open(given.pack).split(0.3)
    eye = load_backbone(given.backbone, device=torch.device("cpu"))
    metrics = ("kid", "fid", "pr", "diversity", "duplicates", "spectrum", "copies")
    evaluation = Evaluation(unseen, eye, metrics, given.samples, training=training)
    started = time.process_time()
    looked = evaluation.real.count + evaluation.trained.count
    print(f"{eye.name}; {looked} real pictures: {(time.process_time() - started) / looked * 1e3:.0f} ms of CPU each\n")
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))[: given.samples]
    images = torch.from_numpy(training.take(order.numpy())).float() / 255
    print("| samples | " + " | ".join(NUMBERS) + " | CPU s |\n|---|" + "---|" * (len(NUMBERS) + 1))
    for name, spoil in CASES.items():
        started = time.process_time()
        found = evaluation.measure(shown(spoil(images)))
        seconds = time.process_time() - started
        cells = " | ".join(f"{found[number]:.3g}" for number in NUMBERS)
        print(f"| {name} | {cells} | {seconds:.0f} |", flush=True)
    routine = Evaluation(unseen, eye, samples=given.samples)
    print(f"\nagainst {routine.real.count} held out", end=", ")
    started = time.process_time()
    routine.measure(shown(images))
    print(f"the routine metrics alone: {time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    main()
