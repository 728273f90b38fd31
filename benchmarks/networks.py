"""The networks that benchmarks run: one of every family, at a width that people train, with random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict

import torch
from torch import nn

from benchmarks import states
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Network, StateDict
from ganplugin.models.quick import QuickGenerator
from ganplugin.models.quick_scorer import QuickDiscriminator
from ganplugin.models.quick_shape import QuickConfig
from ganplugin.models.stylizer import Stylizer, StylizerConfig
from tests.models import (
    test_animegan2,
    test_fast_neural_style,
    test_fastgan_scorer,
    test_lightweight_gan,
    test_lightweight_gan_scorer,
    test_mlp,
    test_resnet_gan,
    test_resnet_gan_scorer,
    translators,
    upscalers,
)
from tests.models import test_stylegan2_lucidrains as lucidrains
from tests.models.stylegan2_reference import discriminator_state, generator_state, mapping_state
from tests.models.stylegan3_reference import synthesis_state
from tests.models.test_dcgan import example_discriminator, example_generator, state_of

__all__ = ["TITLES", "family_of", "network_of"]

_STYLEGAN = (512, 512, 512, 512, 256, 128, 64)
"""Channels from 4 to 256 pixels: half of NVIDIA's widest configuration above 32 pixels."""

_STYLEGAN3 = (512, 512, 512, 512, 512, 406, 323, 256, 256, 256, 203, 161, 128, 128)

_LUCIDRAINS = (512, 512, 512, 256, 128, 64, 32)
_MIMICRY = ((64, True), (128, True), (256, True), (512, True), (1024, True))

State = Callable[[], StateDict]

STATES: Mapping[str, tuple[str, State]] = {
    "StyleGAN2 256 (NVIDIA)": (
        "stylegan2",
        lambda: mapping_state(512, 512, depth=8) | generator_state("skip", _STYLEGAN, w_dim=512),
    ),
    "StyleGAN2 256 (rosinality)": ("stylegan2-rosinality", lambda: states.rosinality(_STYLEGAN)),
    "StyleGAN2 256 (lucidrains)": (
        "stylegan2-lucidrains",
        lambda: lucidrains.mapping_state() | lucidrains.synthesis_state(widths=_LUCIDRAINS),
    ),
    "StyleGAN3-T 64": ("stylegan3", lambda: mapping_state(512, 512) | synthesis_state(64, _STYLEGAN3, w_dim=512)),
    "R3GAN 64": ("r3gan", states.r3gan),
    "FastGAN 256": ("fastgan", lambda: states.fastgan(256)),
    "Projected GAN 256": (
        "projected-fastgan",
        lambda: states.fastgan(256, prefix="synthesis.", every_block_double=True),
    ),
    "lightweight-gan 256": (
        "lightweight-gan",
        lambda: test_lightweight_gan.generator_state((512, 512, 256, 128, 64, 32)),
    ),
    "SNGAN 64": ("resnet-gan", lambda: test_resnet_gan.generator_state((1024, 512, 256, 128, 64), base=4)),
    "DCGAN 64": ("dcgan", lambda: state_of(example_generator(100, (512, 256, 128, 64), 3))),
    "MLP GAN 28": ("mlp-gan", lambda: test_mlp.tutorial_state((100, 128, 256, 512, 1024, 784))),
    "CycleGAN": ("cyclegan-resnet", lambda: translators.resnet(width=64, blocks=9).state_dict()),
    "CUT": ("cut-resnet", lambda: translators.resnet(width=64, blocks=9, blurred=True).state_dict()),
    "pix2pix U-Net": ("pix2pix-unet", lambda: translators.unet(width=64, depth=8).state_dict()),
    "pix2pixHD, global": (
        "pix2pixhd-global",
        lambda: translators.resnet(width=64, halvings=4, blocks=9).state_dict(),
    ),
    "pix2pixHD, local": ("pix2pixhd-local", lambda: translators.local_enhancer(width=32, halvings=4).state_dict()),
    "fast neural style": ("fast-neural-style", lambda: test_fast_neural_style.example((32, 64, 128))),
    "AdaIN": ("adain", states.adain),
    "AnimeGANv2": ("animegan2", lambda: test_animegan2.example(32)),
    "Real-ESRGAN x4 (6 blocks)": ("esrgan", lambda: upscalers.rrdb_state(width=64, blocks=6)),
    "Real-ESRGAN x4, compact": ("realesrgan-compact", lambda: upscalers.compact_state(width=64, convs=16, scale=4)),
    "StyleGAN2 256 discriminator (NVIDIA)": (
        "stylegan2-scorer",
        lambda: discriminator_state("resnet", _STYLEGAN[::-1]),
    ),
    "StyleGAN2 256 discriminator (rosinality)": (
        "stylegan2-rosinality-scorer",
        lambda: states.rosinality_scorer(_STYLEGAN[::-1]),
    ),
    "StyleGAN2 256 discriminator (lucidrains)": (
        "stylegan2-lucidrains-scorer",
        lambda: lucidrains.discriminator_state((32, 64, 128, 256, 512, 512, 512, 512)),
    ),
    "R3GAN 64 discriminator": ("r3gan-scorer", states.r3gan_scorer),
    "FastGAN 256 discriminator": ("fastgan-scorer", lambda: test_fastgan_scorer.discriminator_state(times=32)),
    "lightweight-gan 256 discriminator": (
        "lightweight-gan-scorer",
        lambda: test_lightweight_gan_scorer.discriminator_state((64, 128, 256, 512, 512)),
    ),
    "SNGAN 64 discriminator": ("resnet-gan-scorer", lambda: test_resnet_gan_scorer.scorer_state(_MIMICRY, 6)),
    "DCGAN 64 discriminator": ("dcgan-scorer", lambda: state_of(example_discriminator(3, (64, 128, 256, 512)))),
    "MLP GAN 28 discriminator": ("mlp-gan-scorer", lambda: test_mlp.tutorial_state((784, 512, 256, 1), norms=False)),
    "ganplugin any painting": ("ganplugin-any-painting", states.any_painting),
    "PatchGAN 256": ("patchgan-scorer", lambda: translators.patch_discriminator(width=64).state_dict()),
}
"""By title: the family and a state dict of a usual width."""

OWN: Mapping[str, tuple[str, Callable[[], tuple[nn.Module, QuickConfig | StylizerConfig]]]] = {
    "ganplugin quick 64": ("ganplugin-quick", lambda: (QuickGenerator(QuickConfig()), QuickConfig())),
    "ganplugin quick 64 scorer": ("ganplugin-quick-scorer", lambda: (QuickDiscriminator(QuickConfig()), QuickConfig())),
    "ganplugin style": ("ganplugin-stylizer", lambda: (Stylizer(StylizerConfig()), StylizerConfig())),
}
"""By title: the family and a network of our own training, whose shape is in its config."""


TITLES: tuple[str, ...] = (*STATES, *OWN)


def family_of(title: str) -> str:
    """Return the family that a title stands for."""
    return (OWN[title] if title in OWN else STATES[title])[0]


def network_of(title: str) -> Network:
    """Return the network with random weights, as it is rebuilt from a file.

    Raises `DependencyError` for an upscaler where spandrel is missing.
    """
    with suppress(ImportError):
        upscalers.import_spandrel()
    torch.manual_seed(0)
    if title in OWN:
        family, make = OWN[title]
        module, config = make()
        return FAMILIES[family].rebuild(module.state_dict(), {"config": asdict(config)})
    family, state = STATES[title]
    return FAMILIES[family].rebuild(state(), {})
