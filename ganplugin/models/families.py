"""Every family that can be exported, in the order in which they are tried. A new family is one module and one row."""

from __future__ import annotations

from functools import reduce
from typing import Final

from ganplugin.models import (
    adain,
    animegan2,
    any_painting,
    dcgan,
    dcgan_scorer,
    fast_neural_style,
    fastgan,
    fastgan_scorer,
    lightweight_gan,
    lightweight_gan_scorer,
    mlp,
    patch_scorer,
    pix2pixhd_local,
    quick,
    r3gan,
    resnet_gan,
    resnet_gan_scorer,
    resnet_translator,
    rosinality,
    rosinality_scorer,
    stylegan2,
    stylegan2_discriminator,
    stylegan2_lucidrains,
    stylegan2_lucidrains_scorer,
    stylegan3,
    stylizer,
    unet_translator,
    upscaler,
)
from ganplugin.models.network import Family
from ganplugin.registry import Registry

__all__ = ["FAMILIES"]

_ROWS: Final[tuple[Family, ...]] = (
    quick.FAMILY,
    quick.SCORER_FAMILY,
    stylizer.FAMILY,
    any_painting.FAMILY,
    stylegan3.FAMILY,
    stylegan2.FAMILY,
    stylegan2_discriminator.FAMILY,
    rosinality.FAMILY,
    rosinality_scorer.SCORER_FAMILY,
    stylegan2_lucidrains.FAMILY,
    stylegan2_lucidrains_scorer.FAMILY,
    lightweight_gan.FAMILY,
    lightweight_gan_scorer.FAMILY,
    *r3gan.FAMILIES,
    *fastgan.FAMILIES,
    fastgan_scorer.FAMILY,
    resnet_gan.FAMILY,
    resnet_gan_scorer.FAMILY,
    dcgan.FAMILY,
    dcgan_scorer.FAMILY,
    *mlp.FAMILIES,
    *resnet_translator.FAMILIES,
    pix2pixhd_local.FAMILY,
    unet_translator.FAMILY,
    patch_scorer.FAMILY,
    fast_neural_style.FAMILY,
    adain.FAMILY,
    animegan2.FAMILY,
    *upscaler.FAMILIES,
)

FAMILIES: Final[Registry[Family]] = reduce(
    lambda table, family: table.add(family.id, family), _ROWS, Registry[Family]("family")
)
"""The table of families by id."""
