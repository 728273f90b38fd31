"""mlp: fully connected networks (Goodfellow et al. 2014) as tutorials write them for handwritten digits."""

from __future__ import annotations

from ganplugin.models.players import chains
from ganplugin.models.players.player import Painter, Picture
from ganplugin.train.recipes.recipe import Averaging, Pair, Ramp, Recipe

__all__ = ["RECIPE"]


def _make(picture: Picture, width: int, recipe: Recipe) -> Pair:
    return chains.fresh_mlp(chains.MlpPlan(picture, hidden=(width, 2 * width, 4 * width)))


def _config(painter: Painter, picture: Picture) -> dict[str, object]:
    return chains.picture_config(picture)


RECIPE = Recipe(
    name="mlp",
    title="mlp: fully connected networks",
    # The common tutorial for MNIST: 100 - 256 - 512 - 1024 - 784 and back, leaky ReLU 0.2, dropout 0.3 in the
    # discriminator, Adam 2e-4; beta1 as in DCGAN, for it oscillates less.
    width=256,
    batch=64,
    objective="non-saturating",
    generator_rate=Ramp.flat(2e-4),
    scorer_rate=Ramp.flat(2e-4),
    beta1=0.5,
    beta2=Ramp.flat(0.999),
    averaging=Averaging(0.0),
    # A guess: ten epochs of the 60,000 digits of MNIST, after which tutorials show readable ones.
    usable_kimg=600,
    make=_make,
    load=chains.loaded,
    family="mlp-gan",
    config=_config,
)
"""The numbers."""
