"""No family takes another's file: each example is recognised as its own family first, and as few others as can be."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.models.families import FAMILIES
from tests.models import (
    test_adain,
    test_animegan2,
    test_dcgan,
    test_fast_neural_style,
    test_fastgan,
    test_fastgan_scorer,
    test_lightweight_gan,
    test_lightweight_gan_scorer,
    test_mlp,
    test_r3gan,
    test_resnet_gan,
    test_resnet_gan_scorer,
    test_rosinality,
    test_stylegan2_lucidrains,
)
from tests.models.stylegan2_reference import discriminator_state, generator_state, mapping_state
from tests.models.stylegan3_reference import synthesis_state
from tests.models.translators import local_enhancer, patch_discriminator, resnet, unet
from tests.models.upscalers import compact_state, need_spandrel, rrdb_state

State = dict[str, Tensor]


def without_decoders(state: State) -> State:
    """Leave out what only training uses, which may be anything."""
    return {key: tensor for key, tensor in state.items() if not key.startswith("decoder")}


EXAMPLES: dict[str, Callable[[], State]] = {
    "stylegan3": lambda: mapping_state(4, 6) | synthesis_state(16, (3, 2, 2)),
    "stylegan2": lambda: mapping_state(4, 7) | generator_state("skip", (3, 2)),
    "stylegan2-scorer": lambda: discriminator_state("resnet", (2, 3)),
    "stylegan2-rosinality": test_rosinality.state,
    "stylegan2-rosinality-scorer": test_rosinality.discriminator,
    "stylegan2-lucidrains": test_stylegan2_lucidrains.generator_state,
    "stylegan2-lucidrains-scorer": test_stylegan2_lucidrains.discriminator_state,
    "lightweight-gan": lambda: test_lightweight_gan.generator_state((4, 4), attention=1),
    "lightweight-gan-scorer": lambda: without_decoders(test_lightweight_gan_scorer.discriminator_state()),
    "r3gan": test_r3gan.generator_state,
    "r3gan-scorer": test_r3gan.scorer_state,
    "fastgan": lambda: test_fastgan.fastgan_state(64),
    "projected-fastgan": lambda: test_fastgan.fastgan_state(64, prefix="synthesis.", bias=True),
    "fastgan-scorer": lambda: without_decoders(test_fastgan_scorer.discriminator_state()),
    "resnet-gan": lambda: test_resnet_gan.generator_state(classes=3),
    "resnet-gan-scorer": test_resnet_gan_scorer.scorer_state,
    "dcgan": lambda: test_dcgan.state_of(test_dcgan.example_generator(5, (8, 6), 3)),
    "dcgan-scorer": lambda: test_dcgan.state_of(test_dcgan.example_discriminator(3, (6, 8))),
    "mlp-gan": lambda: test_mlp.tutorial_state((5, 8, 9, 64)),
    "mlp-gan-scorer": lambda: test_mlp.tutorial_state((64, 9, 8, 1)),
    "cyclegan-resnet": lambda: dict(resnet().state_dict()),
    "cut-resnet": lambda: dict(resnet(blurred=True).state_dict()),
    "pix2pixhd-global": lambda: dict(resnet(halvings=4, width=2).state_dict()),
    "pix2pixhd-local": lambda: dict(local_enhancer(width=1).state_dict()),
    "pix2pix-unet": lambda: dict(unet().state_dict()),
    "patchgan-scorer": lambda: dict(patch_discriminator().state_dict()),
    "fast-neural-style": test_fast_neural_style.example,
    "adain": test_adain.both,
    "animegan2": test_animegan2.example,
    "esrgan": lambda: rrdb_state(blocks=1),
    "realesrgan-compact": compact_state,
}
"""Add the tiny checkpoint of a new family here, under its id."""


@pytest.mark.parametrize("family", EXAMPLES)
def test_each_example_is_its_own_family_alone(family: str) -> None:
    state = EXAMPLES[family]()
    assert [found.id for found in FAMILIES if found.detect(state)] == [family]


@pytest.mark.parametrize("family", EXAMPLES)
def test_detection_looks_at_names_and_shapes_alone(family: str) -> None:
    """Numbers may be anything, and stay unread: detection must do on tensors without data."""
    state = {key: torch.empty_like(tensor, device="meta") for key, tensor in EXAMPLES[family]().items()}
    assert [found.id for found in FAMILIES if found.detect(state)] == [family]


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"weight": torch.zeros(())},
        {"model.1.weight": torch.zeros(3), "model.10.conv_block.1.weight": torch.zeros(2, 2)},
        {"1.weight": torch.zeros(1), "1.bias": torch.zeros(1), "28.weight": torch.zeros(3)},
        {"model.model.0.weight": torch.zeros(2), "model.model.3.weight": torch.zeros(2)},
        {"main.0.weight": torch.zeros(4, 4, 4), "main.2.weight": torch.zeros(4)},
        {f"layers.{index}.attention.weight": torch.zeros(4, 4, 1) for index in range(40)},
    ],
)
def test_what_is_no_network_of_ours_is_nobodys(state: State) -> None:
    assert [found.id for found in FAMILIES if found.detect(state)] == []


def rebuildable(family: str) -> State:
    """Return the example of a family, or skip the test where what rebuilds it is not installed."""
    if family in ("esrgan", "realesrgan-compact"):
        need_spandrel()
    return EXAMPLES[family]()


UNUSED = re.compile(r"(running_mean|running_var|num_batches_tracked)$|^encoder\.(3[1-9]|[45]\d)\.")
"""What some families leave alone, so that it may be anything: statistics that act on nothing, layers past the cut."""

SHAPES = ((), (3,), (2, 2), (0, 3, 3, 3), (5, 4, 3, 2, 1))


@pytest.mark.parametrize("family", EXAMPLES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_misshapen_tensor_is_refused_in_one_line(family: str, shape: tuple[int, ...]) -> None:
    state = rebuildable(family)
    for key, tensor in state.items():
        if tensor.shape != shape and not UNUSED.search(key):
            wrong = {**state, key: torch.zeros(shape)}
            FAMILIES[family].detect(wrong)
            with pytest.raises(CheckpointError):
                FAMILIES[family].rebuild(wrong, {})


@pytest.mark.parametrize("family", EXAMPLES)
def test_a_missing_tensor_is_refused_in_one_line(family: str) -> None:
    state = rebuildable(family)
    for key in state:
        if key.endswith(("weight", "bias", "filt")) and not UNUSED.search(key):
            rest = {other: tensor for other, tensor in state.items() if other != key}
            FAMILIES[family].detect(rest)
            with pytest.raises(CheckpointError):
                FAMILIES[family].rebuild(rest, {})
