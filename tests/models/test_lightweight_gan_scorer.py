from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.models.lightweight_gan_scorer import FAMILY
from ganplugin.models.setting import GIVEN
from tests.models.states import Draw, State
from tests.models.test_lightweight_gan import (
    HEAD,
    HEADS,
    applied,
    attended,
    convolution,
    early_attended,
    early_attention,
)


def discriminator_state(
    widths: tuple[int, ...] = (4, 5),
    *,
    attention: bool = False,
    entrances: int = 0,
    single: bool = False,
    strided: bool = False,
) -> State:
    draw = Draw(51)
    state: State = {}
    before = 3
    for index in range(entrances):
        state |= convolution(draw, f"non_residual_layers.{index}.1", 4, before, 4, 4)
        before = 4
    for index, after in enumerate(widths):
        name = f"residual_layers.{index}"
        if strided:
            state |= convolution(draw, f"{name}.0.branches.0.1", after, before, 4, 4)
        else:
            state |= convolution(draw, f"{name}.0.branches.0.1.1", after, 4 * before, 1, 1)
        state |= convolution(draw, f"{name}.0.branches.0.3", after, after, 3, 3)
        state |= convolution(draw, f"{name}.0.branches.1.2", after, before, 1, 1)
        if attention and index == 1 and strided:
            state |= early_attention(draw, f"{name}.1", before, "normed")
        elif attention and index == 1:
            inner = HEADS * HEAD
            state |= {
                f"{name}.1.fn.to_lin_q.weight": draw.weight(inner, before, 1, 1),
                f"{name}.1.fn.to_lin_kv.net.0.weight": draw.weight(before, 1, 3, 3),
                f"{name}.1.fn.to_lin_kv.net.1.weight": draw.weight(2 * inner, before, 1, 1),
                f"{name}.1.fn.to_q.weight": draw.weight(inner, before, 1, 1),
                f"{name}.1.fn.to_kv.weight": draw.weight(2 * inner, before, 1, 1),
                **convolution(draw, f"{name}.1.fn.to_out", before, 2 * inner, 1, 1),
                f"{name}.1.norm.g": 1 + draw.normal(1, before, 1, 1),
                f"{name}.1.norm.b": draw.normal(1, before, 1, 1),
            }
        before = after
    if single:
        state |= convolution(draw, "to_logits.1", before, before, 3, 3)
        state |= convolution(draw, "to_logits.3", 1, before, 4, 4)
    else:
        state |= convolution(draw, "to_logits.0", before, before, 1, 1)
        state |= convolution(draw, "to_logits.2", 1, before, 4, 4)
    return state | convolution(draw, "decoder1.layers.0.1", 4, 4, 3, 3)


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1)


def halved(s: State, name: str, x: Tensor) -> Tensor:
    if f"{name}.weight" in s:
        return F.conv2d(x, s[f"{name}.weight"], s[f"{name}.bias"], stride=2, padding=1)
    # Four neighbours become channels: (channel, row, column) in this order.
    spread = torch.stack([x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)], dim=2).flatten(1, 2)
    return applied(s, f"{name}.1", spread)


def judged(s: State, x: Tensor, *, single: bool = False) -> Tensor:
    index = 0
    while f"non_residual_layers.{index}.1.weight" in s:
        name = f"non_residual_layers.{index}.1"
        x = leaky(F.conv2d(x, s[f"{name}.weight"], s[f"{name}.bias"], stride=2, padding=1))
        index += 1
    index = 0
    while (name := f"residual_layers.{index}") and f"{name}.0.branches.0.3.weight" in s:
        if f"{name}.1.norm.g" in s:
            x = (attended if f"{name}.1.fn.to_lin_q.weight" in s else early_attended)(s, f"{name}.1", x)
        deep = leaky(applied(s, f"{name}.0.branches.0.3", leaky(halved(s, f"{name}.0.branches.0.1", x)), 1))
        x = deep + leaky(applied(s, f"{name}.0.branches.1.2", F.avg_pool2d(x, 2)))
        index += 1
    if single:
        x = leaky(F.conv2d(x, s["to_logits.1.weight"], s["to_logits.1.bias"], stride=2, padding=1))
        return applied(s, "to_logits.3", x).flatten(1)
    return applied(s, "to_logits.2", leaky(applied(s, "to_logits.0", x))).flatten(1)


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("entrances", [0, 1])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("strided", [False, True])
def test_low_logits_make_a_high_score(attention: bool, entrances: int, single: bool, strided: bool) -> None:
    state = discriminator_state(attention=attention, entrances=entrances, single=single, strided=strided)
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    side = 32 << entrances
    assert network.facts["width"] == side
    images = torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(6))
    logits = judged(state, images, single=single)
    assert logits.shape == (3, 1 if single else 25)
    assert torch.allclose(network.module(images), -logits.mean(dim=1), atol=1e-5)


def test_the_dual_contrastive_loss_turns_the_score() -> None:
    state, images = discriminator_state(), torch.rand(2, 3, 32, 32)
    usual = FAMILY.rebuild(state, {}).module(images)
    turned = FAMILY.rebuild(state, {GIVEN: {"dual_contrast_loss": "true"}}).module(images)
    assert torch.equal(usual, -turned)


@pytest.mark.parametrize("key", ["residual_layers.1.0.branches.1.2.weight", "to_logits.2.bias"])
def test_a_missing_tensor_is_refused(key: str) -> None:
    state = discriminator_state()
    del state[key]
    with pytest.raises(CheckpointError, match="almost a lightweight-gan discriminator"):
        FAMILY.rebuild(state, {})
