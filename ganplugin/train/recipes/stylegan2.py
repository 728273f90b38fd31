"""stylegan2: StyleGAN2 with ADA (Karras et al. 2020), for those who want its W space and have a GPU."""

from __future__ import annotations

from ganplugin.models.players import stylegan2
from ganplugin.models.players.player import Picture, halvings
from ganplugin.train.penalties import Penalties
from ganplugin.train.recipes.recipe import Averaging, Pair, PathLength, Ramp, Recipe

__all__ = ["RECIPE"]

_MOST = 8
"""The smallest maps have at most so many times the channels of the largest."""


def _make(picture: Picture, width: int, recipe: Recipe) -> Pair:
    count, rows, columns = halvings(picture)
    widths = tuple(width * min(1 << step, _MOST) for step in range(count, -1, -1))
    latent = width * _MOST
    plan = stylegan2.Style2Plan(
        picture,
        (rows, columns),
        widths,
        widths,
        z_dim=latent,
        w_dim=latent,
        mapping=(latent,) * 2,
        embedded=latent,
        judge_mapping=(latent,) * 2,
    )
    return stylegan2.fresh(plan)


RECIPE = Recipe(
    name="stylegan2",
    title="stylegan2: StyleGAN2 with adaptive augmentation",
    # The ADA code's configuration for small pictures: logistic loss, Adam 2.5e-3 with betas 0 and 0.99, R1 every 16
    # steps, style mixing 0.9, path length every 4, changes "bgc" steered to 0.6, an average over 20 thousand pictures.
    objective="non-saturating",
    generator_rate=Ramp.flat(2.5e-3),
    scorer_rate=Ramp.flat(2.5e-3),
    beta1=0.0,
    beta2=Ramp.flat(0.99),
    # gamma = 0.0002 * area / batch there: 0.0256 at 64 px and 32 pictures. Small sets want more; users report 0.1 to 1.
    penalties=Penalties(r1=0.1, every=16),
    per_area=True,
    averaging=Averaging(kimg=20.0, ramp=0.05),
    mixing=0.9,
    path=PathLength(),
    ada=(
        *("flip", "quarter", "shift", "scale", "rotate", "stretch", "fraction"),
        *("brightness", "contrast", "luma", "hue", "saturation"),
    ),
    steered=True,
    # Ours: 16 to 128 channels at 64 px (64 to 512 there) and two mapping layers, as that code has for CIFAR-10.
    width=16,
    batch=32,
    flip=True,
    # The advice in StyleGAN2-ADA's repository: 5 million pictures are reasonable, 25 million full, 1 million from
    # another network.
    usable_kimg=5000,
    make=_make,
    load=stylegan2.loaded,
    family="stylegan2",
    # Clamping belongs to half precision: a file of ours says that there is none.
    config=lambda painter, picture: {"conv_clamp": 0.0, "base_rows": _rows(picture)},
)
"""The numbers."""


def _rows(picture: Picture) -> int:
    return halvings(picture)[1]
