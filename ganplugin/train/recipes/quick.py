"""quick: a small convolutional GAN with a W space, for budgets under an hour and machines without a GPU."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from ganplugin.models.players import quick
from ganplugin.models.players.player import Painter, Picture, halvings
from ganplugin.models.quick_shape import QuickConfig
from ganplugin.train.recipes.recipe import Averaging, Pair, Ramp, Recipe

__all__ = ["RECIPE"]

_GROWTH = 8
"""Widths in units of that at full size, doubled at each halving up to this: 32, 64, 128, 256, 256 at 64 px."""


def _make(picture: Picture, width: int, recipe: Recipe) -> Pair:
    count, rows, columns = halvings(picture)
    config = QuickConfig(
        size=4 << count,
        width=width,
        growth=_GROWTH,
        scorer_width=width,
        scorer_growth=_GROWTH,
        channels=picture.channels,
        rows=rows,
        columns=columns,
        classes=picture.classes,
        design=2,
    )
    return quick.fresh(config)


def _config(painter: Painter, picture: Picture) -> dict[str, object]:
    return {"config": asdict(cast(quick.QuickPainter, painter).network.config)}


RECIPE = Recipe(
    name="quick",
    title="quick: a small convolutional GAN with a W space",
    # Design, width and rates by racing them (`benchmarks/race.py`): 64 px emoji, equal time of one core.
    width=32,
    batch=32,
    generator_rate=Ramp.flat(3e-4),
    scorer_rate=Ramp.flat(9e-4),
    averaging=Averaging(kimg=22.0, ramp=0.08),
    mixing=0.1,
    flip=True,
    # Miyato et al. 2018 (SNGAN): hinge with spectral norm, beta1 = 0.
    objective="hinge",
    beta1=0.0,
    beta2=Ramp.flat(0.99),
    # Zhao et al. 2020 (DiffAugment), without its colours, which carry over to what is made.
    changes=("translation", "cutout"),
    # docs/quality.md: after 124, flags, signs and hearts can be told apart at 64 px; after 410, faces.
    usable_kimg=100,
    make=_make,
    load=quick.loaded,
    family="ganplugin-quick",
    config=_config,
)
"""The numbers."""
