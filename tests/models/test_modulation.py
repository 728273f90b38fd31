from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.models.fir import fir_kernel
from ganplugin.models.modulation import ModulatedConv, ModulatedUpConv


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(5)


def sample_weights(weight: Tensor, style: Tensor) -> Tensor:
    """The paper's way: one weight a sample, scaled by its style and normalised."""
    scaled = weight[None] * style[:, None, :, None, None]
    return scaled / (scaled.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).sqrt()


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_it_equals_one_modulated_weight_a_sample(kernel: int, gain: float) -> None:
    weight, style, x = torch.randn(5, 4, kernel, kernel), torch.randn(3, 4), torch.randn(3, 4, 6, 8)
    expected = [F.conv2d(x[i : i + 1], w, padding=kernel // 2) for i, w in enumerate(sample_weights(weight, style))]
    assert torch.allclose(ModulatedConv(weight, gain=gain)(x, style), gain * torch.cat(expected), atol=1e-5)


@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 2), (1, 2, 1), (1, 2, 3, 4, 5, 6)])
def test_doubling_inserts_zeros_convolves_and_blurs(taps: tuple[int, ...]) -> None:
    weight, style, x = torch.randn(5, 4, 3, 3), torch.randn(3, 4), torch.randn(3, 4, 6, 8)
    kernel = 4 * fir_kernel(taps)
    expected = []
    for sample, w in zip(x, sample_weights(weight, style), strict=True):
        spread = torch.zeros(1, 4, 12, 16)
        spread[:, :, ::2, ::2] = sample
        before, after = 1 + (len(taps) + 1) // 2, 1 + (len(taps) - 2) // 2
        padded = F.pad(spread, (before, after, before, after))
        blurred = F.conv2d(padded.transpose(0, 1), kernel.flip(0, 1)[None, None]).transpose(0, 1)
        expected.append(F.conv2d(blurred, w.flip(2, 3)))
    made = ModulatedUpConv(weight, kernel, gain=2)(x, style)
    assert made.shape == (3, 5, 12, 16)
    assert torch.allclose(made, 2 * torch.cat(expected), atol=1e-4)


def test_one_constant_serves_the_whole_batch() -> None:
    weight, style, constant = torch.randn(5, 4, 3, 3), torch.randn(3, 4), torch.randn(1, 4, 4, 4)
    layer = ModulatedConv(weight)
    assert torch.allclose(layer(constant, style), layer(constant.expand(3, -1, -1, -1), style), atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 300.0, 1e-3])
def test_sums_stay_within_half_precision_whatever_the_weights(scale: float) -> None:
    """Maps at 256, where training in half precision clamps them, and styles of 3: without it, sums reach millions."""
    weight, style, x = scale * torch.randn(64, 512, 3, 3), 3 * torch.randn(1, 512), 256 * torch.randn(1, 512, 4, 4)
    layer = ModulatedConv(weight)
    assert F.conv2d(x * style[:, :, None, None], layer.weight, padding=1).abs().max() < 65504
    expected = F.conv2d(x, sample_weights(weight, style)[0], padding=1)
    assert torch.allclose(layer(x, style), expected, rtol=1e-4, atol=1e-2)


def test_a_weight_of_zeros_is_no_division_by_zero() -> None:
    found = ModulatedConv(torch.zeros(2, 3, 1, 1))(torch.randn(1, 3, 4, 4), torch.randn(1, 3))
    assert torch.equal(found, torch.zeros(1, 2, 4, 4))
