"""What comes of equal time: ``python -m benchmarks.quality FOLDER --out RESULTS [--minutes 9 30] [--seeds 0 1]``.

The tutorial's DCGAN in the tutorial's loop (`benchmarks.plain_loop`, 32 channels, batches of 64), and recipes of ours,
are trained one after the other on the same part of FOLDER's pictures, at 64 px, and measured at each of the minutes
against the part that nobody was shown. Each leaves sheets of 64 samples that were not chosen, N-SEED-MINUTES.png, and
lines in results.jsonl; what is there already is not done again. At the end a table is printed, as Markdown.

A contestant is ``tutorial``, or a recipe with what is changed of it as JSON: ``'quick:{"loss": "relativistic"}'``.
Measuring takes no time off. With ``--clock processor`` a minute is one of the processor's over the threads, which
a busy machine does not shorten.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.plain_loop import PictureFiles, PlainLoop, tutorial_dcgan
from ganplugin.models.players.player import Picture, reproducible
from ganplugin.train.estimate import estimate
from ganplugin.train.game import Game, GameOptions
from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.grid import save_grid
from ganplugin.train.metrics.backbones.choice import load_backbone
from ganplugin.train.metrics.evaluation import Evaluation
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import gather
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.recipes import RECIPES
from ganplugin.train.recipes.choices import Choices, adapted
from ganplugin.train.recipes.recipe import Recipe
from ganplugin.train.tuning import tuned

SIDE, HELD_OUT = 64, 0.15
TUTORIAL, WIDTH = "tutorial", 32
COLUMNS = ("kid", "precision", "recall", "density", "coverage", "spectrum", "sharpness", "checkerboard")
CLOCKS: dict[str, Callable[[], float]] = {
    "wall": time.monotonic,
    "processor": lambda: time.process_time() / torch.get_num_threads(),
}


class Contestant(Protocol):
    """What is trained."""

    @property
    def seen(self) -> int:
        """Pictures shown."""
        ...

    def advance(self, part: float) -> None:
        """Do one step when ``part`` of the longest run is done."""
        ...

    def paint(self, start: int, count: int) -> Tensor:
        """Return samples; see `Render`."""
        ...


class Tutorial(PlainLoop):
    """The tutorial's DCGAN on files."""

    def __init__(self, pictures: PackedSet, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(len(pictures)):
            pixels = pictures.take(np.array([index]))[0].transpose(1, 2, 0)
            Image.fromarray(pixels).save(folder / f"{index:05d}.png")
        with reproducible(seed):
            pair = tutorial_dcgan(SIDE, WIDTH)
        files = PictureFiles(sorted(folder.glob("*.png")), SIDE)
        super().__init__(pair, RECIPES["dcgan"], files, seed=seed)

    def advance(self, part: float = 0.0) -> None:
        """Do one step, always the same."""
        super().advance()


class Ours:
    """A recipe of ours."""

    def __init__(self, recipe: Recipe, pictures: PackedSet, seed: int) -> None:
        with reproducible(seed):
            pair = recipe.make(Picture(*pictures.shape), recipe.width, recipe)
        game = Game(recipe, pair, pictures, GameOptions(seed=seed), torch.device("cpu"))
        tuned(game, estimate, precision="auto", layout="auto", report=lambda words: None)
        self.trainer = GeneratorTrainer(game, {}, {})
        self.paint = self.trainer.paint

    @property
    def seen(self) -> int:
        """Pictures shown."""
        return self.trainer.seen

    def advance(self, part: float) -> None:
        """Do one step."""
        self.trainer.advance(part)


Entry = Callable[[PackedSet, Path, int], Contestant]
"""Of the pictures to learn from, a folder for what it needs, and a seed: a contestant."""


def entry(name: str) -> Entry:
    """Return the contestant of a name; see above."""
    if name == TUTORIAL:
        return Tutorial
    kind, _, changes = name.partition(":")
    return of_recipe(adapted(RECIPES[kind], Choices(**json.loads(changes or "{}"))))


def of_recipe(recipe: Recipe) -> Entry:
    """Return the contestant of a recipe."""
    return lambda pictures, folder, seed: Ours(recipe, pictures, seed)


@dataclass(frozen=True)
class Place:
    """Where results go, and by which clock minutes are told."""

    folder: Path
    clock: Callable[[], float]
    minutes: Sequence[float]


def run(name: str, own: Contestant, seed: int, place: Place, evaluation: Evaluation) -> list[dict[str, object]]:
    """Train one contestant, measure it at each of the minutes, and return the numbers."""
    spent, found = 0.0, []
    for minutes in place.minutes:
        while spent < 60 * minutes:
            start = place.clock()
            own.advance(spent / 60 / place.minutes[-1])
            spent += place.clock() - start
        numbers = evaluation.measure(own.paint)
        told = {key: round(float(numbers[key]), 4) for key in COLUMNS if key in numbers}
        found.append({"name": name, "seed": seed, "minutes": minutes, "kimg": own.seen / 1000, **told})
        save_grid(place.folder / grid_name(name, seed, minutes), own.paint(0, 64), columns=8)
        print(json.dumps(found[-1]), flush=True)
    return found


def grid_name(name: str, seed: int, minutes: float) -> str:
    """Return the name of the file that shows samples of a contestant."""
    plain = re.sub("[^a-z0-9.-]+", "_", name.lower()).strip("_")
    return f"{plain}-{seed}-{minutes:g}.png"


def rows_of(log: Path) -> list[dict[str, object]]:
    """Return the lines of a log, none if it is not there yet."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def table(rows: Sequence[dict[str, object]]) -> str:
    """Return the results as Markdown: means over seeds, KID of each seed beside its mean."""
    heads = ("", "minutes", "thousand pictures", "KID", *COLUMNS[1:])
    lines = [heads, ("---",) * len(heads)]
    kinds = {(float(str(row["minutes"])), str(row["name"])) for row in rows}
    for minutes, name in sorted(kinds):
        own = [row for row in rows if (row["name"], row["minutes"]) == (name, minutes)]
        kimg, kid, *rest = (mean(float(str(row[key])) for row in own) for key in ("kimg", *COLUMNS))
        each = ", ".join(f"{row['kid']:.3f}" for row in own)
        lines.append((name, f"{minutes:g}", f"{kimg:.1f}", f"{kid:.3f} ({each})", *(f"{cell:.2f}" for cell in rest)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def race(entries: Mapping[str, Entry], options: argparse.Namespace) -> None:
    """Run all entries with every seed, each unless its results are there, and print the table."""
    if options.threads:
        torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    pictures, _ = gather([options.folder], Policy(width=SIDE, height=SIDE, channels=3))
    train, held_out = pictures.split(HELD_OUT, 0)
    evaluation = Evaluation(held_out, load_backbone(device=torch.device("cpu")), training=train)
    place = Place(options.out, CLOCKS[options.clock], sorted(options.minutes))
    print(f"{len(train)} pictures to learn from, {len(held_out)} to measure by, {evaluation.backbone.name}", flush=True)
    log = options.out / "results.jsonl"
    for seed, name in product(options.seeds, entries):
        if (name, seed) not in {(row["name"], row["seed"]) for row in rows_of(log)}:
            found = run(name, entries[name](train, options.out / "files", seed), seed, place, evaluation)
            with log.open("a", encoding="utf-8") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in found)
    print(table(rows_of(log)))


def parser(description: str | None, minutes: Sequence[float]) -> argparse.ArgumentParser:
    """Return what reads the options that every race has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("folder", type=Path, help="of pictures, or a packed set")
    made.add_argument("--out", type=Path, required=True)
    made.add_argument("--minutes", nargs="+", type=float, default=list(minutes))
    made.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    made.add_argument("--clock", choices=list(CLOCKS), default="wall")
    made.add_argument("--threads", type=int)
    return made


def main() -> None:
    """Train, measure and print."""
    own = parser(__doc__, (9.0, 30.0))
    own.add_argument("--contestants", nargs="+", default=[TUTORIAL, "quick"])
    options = own.parse_args()
    race({name: entry(name) for name in options.contestants}, options)


if __name__ == "__main__":
    main()
