"""The race in which quick's design was found: ``python -m benchmarks.race FOLDER --out RESULTS [--only NAME ...]``.

Variants of the recipe, each with the same time of one core, measured and drawn as in `benchmarks.quality`. They differ
from the recipe as it is in one thing, so that what each is worth can be read from the table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from benchmarks.quality import of_recipe, parser, race
from ganplugin.models.players import quick
from ganplugin.models.players.player import Picture
from ganplugin.models.quick_shape import QuickConfig
from ganplugin.train.penalties import Penalties
from ganplugin.train.recipes import RECIPES
from ganplugin.train.recipes.recipe import Pair, Recipe

QUICK = RECIPES["quick"]
_SHAPE = QuickConfig(width=32, scorer_width=32, growth=8, scorer_growth=8, design=2)
_FIRST = QuickConfig()


def shaped(shape: QuickConfig) -> Recipe:
    """Return the recipe with networks of another shape."""

    def make(picture: Picture, width: int, recipe: Recipe) -> Pair:
        return quick.fresh(dataclasses.replace(shape, size=picture.height, channels=picture.channels))

    return dataclasses.replace(QUICK, make=make)


def rates(factor: float) -> Recipe:
    """Return the recipe with both rates times ``factor``."""
    return dataclasses.replace(
        QUICK, generator_rate=QUICK.generator_rate.scaled(factor), scorer_rate=QUICK.scorer_rate.scaled(factor)
    )


VARIANTS: Mapping[str, Recipe] = {
    "as it is": QUICK,
    "design of the first release": shaped(_FIRST),
    "scorer twice as wide": shaped(dataclasses.replace(_SHAPE, scorer_width=64)),
    "generator half as wide": shaped(dataclasses.replace(_SHAPE, width=16)),
    "half the rates": rates(0.5),
    "twice the rates": rates(2.0),
    "equal rates": dataclasses.replace(QUICK, scorer_rate=QUICK.generator_rate.scaled(2.0)),
    "relativistic": dataclasses.replace(QUICK, objective="relativistic"),
    "relativistic, lazy R1 and R2": dataclasses.replace(
        QUICK, objective="relativistic", penalties=Penalties(r1=2.0, r2=2.0, every=8), per_area=True
    ),
    "batches of 16": dataclasses.replace(QUICK, batch=16),
    "batches of 64": dataclasses.replace(QUICK, batch=64),
    "colours changed, too": dataclasses.replace(QUICK, changes=("colour", *QUICK.changes)),
    "not mirrored": dataclasses.replace(QUICK, flip=False),
}


def main() -> None:
    """Race."""
    own = parser(__doc__, (4.0, 8.0))
    own.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    own.set_defaults(threads=1, clock="processor", seeds=[0])
    options = own.parse_args()
    race({name: of_recipe(VARIANTS[name]) for name in options.only}, options)


if __name__ == "__main__":
    main()
