from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.models.fastgan_scorer import FAMILY
from tests.models.states import Draw, State
from tests.models.test_fastgan import normed, weight

WIDTHS = {2: 2, 4: 3, 8: 4, 16: 5, 32: 6, 64: 7}
EXCITED = {16: 2, 32: 4, 64: 8}


def discriminator_state(size: int = 256, channels: int = 3, *, times: int = 1) -> State:
    """The keys of the original; ``down_<n>`` halves a map of 512 / n, as its names have it for pictures of 512.

    All maps are ``times`` as wide as `WIDTHS`.
    """
    draw = Draw(41)
    widths = {divisor: times * width for divisor, width in WIDTHS.items()}
    state: State = {}
    if size == 1024:
        state |= draw.spectral("down_from_big.0", 3, channels, 4, 4)
        state |= draw.spectral("down_from_big.2", widths[2], 3, 4, 4)
        state |= draw.norm("down_from_big.3", widths[2])
    else:
        side = 3 if size == 256 else 4
        state |= draw.spectral("down_from_big.0", widths[2], channels, side, side)
    for divisor in (4, 8, 16, 32, 64):
        before, after, name = widths[divisor // 2], widths[divisor], f"down_{divisor}"
        state |= draw.spectral(f"{name}.main.0", after, before, 4, 4) | draw.norm(f"{name}.main.1", after)
        state |= draw.spectral(f"{name}.main.3", after, after, 3, 3) | draw.norm(f"{name}.main.4", after)
        state |= draw.spectral(f"{name}.direct.1", after, before, 1, 1) | draw.norm(f"{name}.direct.2", after)
    state |= draw.spectral("rf_big.0", 8, widths[64], 1, 1) | draw.norm("rf_big.1", 8)
    state |= draw.spectral("rf_big.3", 1, 8, 4, 4)
    for of, by in EXCITED.items():
        name = f"se_{by}_{of}"
        state |= draw.spectral(f"{name}.main.1", widths[of], widths[by], 4, 4)
        state |= draw.spectral(f"{name}.main.3", widths[of], widths[of], 1, 1)
    state |= draw.spectral("down_from_small.0", 3 * times, channels, 4, 4)
    for index, (before, after) in zip((2, 3, 4), ((3, 4), (4, 5), (5, 6)), strict=True):
        state |= draw.spectral(f"down_from_small.{index}.main.0", times * after, times * before, 4, 4)
        state |= draw.norm(f"down_from_small.{index}.main.1", times * after)
    state |= draw.spectral("rf_small", 1, 6 * times, 4, 4)
    return state | draw.spectral("decoder_big.main.1.1", 2, widths[64], 3, 3)


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def judged(s: State, big: Tensor, small: Tensor) -> Tensor:
    """Both maps of logits, side by side, for views -1..1 of 256 and 128."""
    seen = {2: leaky(F.conv2d(big, weight(s, "down_from_big.0"), padding=1))}
    for divisor in (4, 8, 16, 32, 64):
        name, x = f"down_{divisor}", seen[divisor // 2]
        deep = leaky(normed(s, f"{name}.main.1", F.conv2d(x, weight(s, f"{name}.main.0"), stride=2, padding=1)))
        deep = leaky(normed(s, f"{name}.main.4", F.conv2d(deep, weight(s, f"{name}.main.3"), padding=1)))
        direct = leaky(normed(s, f"{name}.direct.2", F.conv2d(F.avg_pool2d(x, 2), weight(s, f"{name}.direct.1"))))
        x = (deep + direct) / 2
        if divisor in EXCITED:
            by = EXCITED[divisor]
            gate = F.conv2d(F.adaptive_avg_pool2d(seen[by], 4), weight(s, f"se_{by}_{divisor}.main.1"))
            x = x * F.conv2d(F.silu(gate), weight(s, f"se_{by}_{divisor}.main.3")).sigmoid()
        seen[divisor] = x
    first = leaky(normed(s, "rf_big.1", F.conv2d(seen[64], weight(s, "rf_big.0"))))
    first = F.conv2d(first, weight(s, "rf_big.3"))
    x = leaky(F.conv2d(small, weight(s, "down_from_small.0"), stride=2, padding=1))
    for index in (2, 3, 4):
        x = F.conv2d(x, weight(s, f"down_from_small.{index}.main.0"), stride=2, padding=1)
        x = leaky(normed(s, f"down_from_small.{index}.main.1", x))
    return torch.cat((first.flatten(1), F.conv2d(x, weight(s, "rf_small")).flatten(1)), dim=1)


def test_the_score_is_the_mean_of_the_logits_of_both_views() -> None:
    state = discriminator_state()
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    images = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    signed = images * 2 - 1
    logits = judged(state, signed, F.interpolate(signed, size=128))
    assert logits.shape == (2, 50)
    assert logits.std() > 1e-3
    assert torch.allclose(network.module(images), logits.mean(dim=1), atol=1e-5)


@pytest.mark.parametrize(("size", "channels"), [(256, 1), (512, 3), (1024, 3)])
def test_the_size_is_read_from_the_entrance(size: int, channels: int) -> None:
    network = FAMILY.rebuild(discriminator_state(size, channels), {})
    assert network.facts["width"] == size
    assert network.inputs[0].shape == ("batch", channels, size, size)
    if size == 512:
        assert network.module(torch.rand(1, channels, size, size)).shape == (1,)


@pytest.mark.parametrize("key", ["down_16.main.3.weight_orig", "rf_big.1.bias", "se_4_32.main.3.weight_v"])
def test_a_missing_tensor_is_refused(key: str) -> None:
    state = discriminator_state()
    del state[key]
    with pytest.raises(CheckpointError):
        FAMILY.rebuild(state, {})
