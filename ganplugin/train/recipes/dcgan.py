"""dcgan: the tutorials' network (Radford et al. 2015), cheapest per picture, with the loss of your choice."""

from __future__ import annotations

from ganplugin.models.players import chains
from ganplugin.models.players.player import Picture
from ganplugin.train.recipes.recipe import Averaging, Pair, Ramp, Recipe

__all__ = ["RECIPE"]


def _make(picture: Picture, width: int, recipe: Recipe) -> Pair:
    # Gulrajani et al. 2017, section 4: a penalty on each picture's slope is none with batch norm in the critic.
    normed = not recipe.penalties.any
    return chains.fresh_dcgan(chains.DcganPlan(picture, width=width, normed=normed))


RECIPE = Recipe(
    name="dcgan",
    title="dcgan: the tutorials' convolutional GAN",
    # PyTorch's example and Radford et al. 2015, section 4: rate, betas, starting weights; 64 channels, batches of 64.
    width=64,
    batch=64,
    objective="non-saturating",
    generator_rate=Ramp.flat(2e-4),
    scorer_rate=Ramp.flat(2e-4),
    beta1=0.5,
    beta2=Ramp.flat(0.999),
    # Neither of them averages weights.
    averaging=Averaging(0.0),
    # Radford et al. 2015, figure 2: bedrooms after one epoch of 3 million are plausible; small sets are so much sooner.
    # 60 here (9 minutes of 64 px emoji at 113 pictures/s) were muddy.
    usable_kimg=200,
    make=_make,
    load=chains.loaded,
    family="dcgan",
)
"""The numbers."""
