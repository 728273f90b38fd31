"""fastgan: for fewer than a thousand pictures of 64 px and more (Liu et al. 2021)."""

from __future__ import annotations

from ganplugin.models.players import fastgan
from ganplugin.models.players.player import Picture
from ganplugin.train.recipes.recipe import Averaging, Pair, Ramp, Recipe

__all__ = ["RECIPE"]


def _make(picture: Picture, width: int, recipe: Recipe) -> Pair:
    return fastgan.fresh(fastgan.FastganShape(picture, width=width))


RECIPE = Recipe(
    name="fastgan",
    title="fastgan: few pictures, large sizes",
    # The paper's section 4 and its code: hinge, Adam 2e-4 with betas 0.5 and 0.999, batches of 8, an average with decay
    # 0.999 (half of it within 5,500 pictures), a latent of 256, DiffAugment with colour and translation.
    # 64 channels there; 32 here, for a quarter of the work.
    width=32,
    batch=8,
    objective="hinge",
    generator_rate=Ramp.flat(2e-4),
    scorer_rate=Ramp.flat(2e-4),
    beta1=0.5,
    beta2=Ramp.flat(0.999),
    averaging=Averaging(kimg=5.5, ramp=0.08),
    changes=("colour", "translation"),
    flip=True,
    # A fifth of the 50,000 steps of 8 after which the paper's code stops.
    usable_kimg=80,
    make=_make,
    load=fastgan.loaded,
    family="fastgan",
)
"""The numbers."""
