"""r3-small: R3GAN (Huang et al. 2024) as small as a desk can train it: no norms, a scorer that never looks aside."""

from __future__ import annotations

from ganplugin.models.players import r3gan
from ganplugin.models.players.player import Picture, halvings
from ganplugin.train.penalties import Penalties
from ganplugin.train.recipes.recipe import Averaging, Pair, Ramp, Recipe

__all__ = ["RECIPE"]

_GROWTH = (1, 2, 3, 4)
"""Widths in units of the first from the largest map down; below they stay. 128, 128, 96, 64, 32 at 64 px."""


def _make(picture: Picture, width: int, recipe: Recipe) -> Pair:
    count, rows, columns = halvings(picture)
    widths = [width * _GROWTH[min(step, len(_GROWTH) - 1)] for step in range(count, -1, -1)]
    return r3gan.fresh(r3gan.R3Plan(picture, (rows, columns), tuple(widths)))


RECIPE = Recipe(
    name="r3-small",
    title="r3-small: R3GAN with narrow stages",
    width=32,
    # The paper's table of hyper-parameters, for FFHQ at 64 px: both rates, both betas, gamma and its fading.
    objective="relativistic",
    generator_rate=Ramp(2e-4, 5e-5),
    scorer_rate=Ramp(2e-4, 5e-5),
    beta1=0.0,
    beta2=Ramp(0.9, 0.99),
    fade=Ramp(1.0, 0.1),
    # gamma = 2 at 64 px, four times that at twice the side (advice in the StyleGAN3 repository). Every 8 steps with 8
    # times the weight, as R3GAN's author suggests for small machines.
    penalties=Penalties(r1=2.0, r2=2.0, every=8),
    per_area=True,
    # Ours: the paper's batch of 256 and average over 500 thousand pictures are for 200 million pictures.
    batch=32,
    averaging=Averaging(kimg=50.0, ramp=0.08),
    # The paper's changes and their probability, which there grows over 20 million pictures, here over the run.
    ada=("flip", "quarter", "shift", "scale", "rotate", "stretch", "brightness", "contrast", "hue", "saturation"),
    chance=Ramp(0.0, 0.3),
    flip=True,
    # A guess: good after 200 million in the paper; here, at 64 px, bold forms after 96 thousand, none that has a name
    # after 185 (docs/quality.md).
    usable_kimg=400,
    make=_make,
    load=r3gan.loaded,
    family="r3gan",
)
"""The numbers."""
