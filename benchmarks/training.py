"""How fast training is: ``python -m benchmarks.training FOLDER [--recipes quick r3-small dcgan] [--json]``.

In one run, in turn: our step, and that of the loop that tutorials write (`benchmarks.plain_loop`) with the same
networks and loss, eager, in float32, penalties at every step, on the picture files of FOLDER. For each recipe:

- how many times more pictures a second ours takes;
- the rate of its networks' arithmetic over that of a matrix product in the same precision, and in float32;
- the part of a step that fetching pictures takes.

Only ratios are worth quoting. Ours computes in the precision and layout that its own start measures to be faster.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.pairs import Timing, in_turn
from benchmarks.plain_loop import PictureFiles, PlainLoop
from ganplugin.models.players.player import Picture, reproducible
from ganplugin.train.estimate import estimate
from ganplugin.train.game import Game, GameOptions
from ganplugin.train.pictures.batches import load
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import pack
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sampling import Sampler
from ganplugin.train.pictures.sources import list_entries
from ganplugin.train.recipes import RECIPES
from ganplugin.train.recipes.recipe import Pair, Recipe
from ganplugin.train.tuning import tuned

SIDE, PRODUCT = 64, 2048
_STEPS = 8
"""Steps in one round: as many as lie between two lazy penalties."""


def fresh(recipe: Recipe) -> Pair:
    """Return new networks, the same at every call."""
    with reproducible(0):
        return recipe.make(Picture(3, SIDE, SIDE), recipe.width, recipe)


def product(dtype: torch.dtype) -> torch.Tensor:
    """Multiply two square matrices of 2048."""
    a = torch.ones(PRODUCT, PRODUCT, dtype=dtype)
    return a @ a


class Operations(TorchDispatchMode):
    """Counts the floating point operations of convolutions and products, forwards and backwards.

    PyTorch's own counter does the same but follows modules too, which forbids slopes at pictures.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0.0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Let it be done, and count it."""
        made = func(*args, **(kwargs or {}))
        count = flop_registry.get(getattr(func, "_overloadpacket", None))
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=made)
        return made


def operations(game: Game) -> float:
    """Count the floating point operations of `_STEPS` steps."""
    with Operations() as counter:
        for _ in range(_STEPS):
            game.advance(0.0)
    return counter.total


def measure(recipe: Recipe, files: PictureFiles, pictures: PackedSet, rounds: int) -> dict[str, object]:
    """Return the ratios of one recipe."""
    game = Game(recipe, fresh(recipe), pictures, GameOptions(), torch.device("cpu"))
    tuned(game, estimate, precision="auto", layout="auto", report=lambda words: None)
    plain = PlainLoop(fresh(recipe), recipe, files, game.penalties)
    flop, sampler = operations(game), Sampler(len(pictures), recipe.batch, 0)
    dtype = torch.bfloat16 if game.options.precision == "bf16" else torch.float32
    timing = in_turn(
        {
            "ours": lambda: [game.advance(0.0) for _ in range(_STEPS)],
            "plain": lambda: [plain.advance() for _ in range(_STEPS)],
            "fetching": lambda: [load(pictures, next(sampler)) for _ in range(_STEPS * recipe.scorer_steps)],
            "product": lambda: product(dtype),
            "product in float32": lambda: product(torch.float32),
        },
        rounds,
    )
    return {
        "precision": game.options.precision,
        "layout": "channels-last" if game.options.channels_last else "plain",
        "times as fast as the plain loop": timing.ratio("plain", "ours"),
        "part of the matrix product's rate": _rate(timing, flop, "product"),
        "part of the rate in float32": _rate(timing, flop, "product in float32"),
        "part of a step that fetches": timing.ratio("fetching", "ours"),
    }


def _rate(timing: Timing, flop: float, product_name: str) -> float:
    return flop / (2 * PRODUCT**3) * timing.ratio(product_name, "ours")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of PNG pictures")
    parser.add_argument("--recipes", nargs="+", default=["quick", "r3-small", "dcgan"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    files = PictureFiles(sorted(options.folder.glob("*.png")), SIDE)
    with tempfile.TemporaryDirectory() as folder:
        pack(list_entries([options.folder]), Policy(width=SIDE, height=SIDE, channels=3), Path(folder) / "x.pack")
        pictures = PackedSet.open(Path(folder) / "x.pack")
        found = {name: measure(RECIPES[name], files, pictures, options.rounds) for name in options.recipes}
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, numbers in found.items():
        print(f"\n{name}")
        for what, value in numbers.items():
            print(f"  {what:40} {value if isinstance(value, str) else format(value, '8.3f')}")


if __name__ == "__main__":
    main()
