from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.models.fir import Blur, FirDown, FirUp, fir_kernel

KERNELS = [
    fir_kernel(),
    fir_kernel((1, 2)),
    fir_kernel((1, 2, 4)),
    torch.arange(16.0).view(4, 4),
    fir_kernel((1, 2, 3, 4, 5, 9)),
]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(5)


def resampled(x: Tensor, kernel: Tensor, up: int, down: int, before: int, after: int) -> Tensor:
    """The textbook way: insert zeros, pad, convolve (not correlate), drop samples; channel by channel."""
    n, c, h, w = x.shape
    spread = torch.zeros(n, c, h * up, w * up)
    spread[:, :, ::up, ::up] = x
    padded = F.pad(spread, (before, after, before, after))
    filtered = F.conv2d(padded.flatten(0, 1)[:, None], kernel.flip(0, 1)[None, None])
    return filtered.unflatten(0, (n, c))[:, :, 0, ::down, ::down]


def test_the_kernel_is_normalised() -> None:
    assert fir_kernel().sum() == pytest.approx(1)
    assert torch.equal(fir_kernel()[0] * 64, torch.tensor([1.0, 3, 3, 1]))


@pytest.mark.parametrize("kernel", KERNELS)
def test_doubling_is_zero_insertion_and_convolution(kernel: Tensor) -> None:
    x, taps = torch.randn(2, 3, 5, 7), len(kernel)
    made = FirUp(4 * kernel, 3)(x)
    assert made.shape == (2, 3, 10, 14)
    assert torch.allclose(made, resampled(x, 4 * kernel, 2, 1, (taps + 1) // 2, (taps - 2) // 2), atol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("side", [8, 9])
def test_halving_is_convolution_and_dropping(kernel: Tensor, side: int) -> None:
    x, taps = torch.randn(2, 3, side, 12), len(kernel)
    made = FirDown(kernel, 3)(x)
    assert torch.allclose(made, resampled(x, kernel, 1, 2, (taps - 1) // 2, (taps - 2) // 2), atol=1e-5)


@pytest.mark.parametrize("padding", [(1, 1), (2, 1), (0, 3), (-1, 2)])
def test_a_blur_pads_as_told(padding: tuple[int, int]) -> None:
    x, kernel = torch.randn(1, 2, 6, 8), torch.rand(4, 4)
    made = Blur(kernel, 2, padding)(x)
    assert torch.allclose(made, resampled(x, kernel, 1, 1, *padding), atol=1e-5)
    assert made.shape[2] == 6 + sum(padding) - 3


def test_doubling_keeps_a_flat_picture_flat() -> None:
    inner = FirUp(4 * fir_kernel(), 1)(torch.ones(1, 1, 8, 8))[:, :, 2:-2, 2:-2]
    assert torch.allclose(inner, torch.ones_like(inner), atol=1e-6)
