"""Small fixed filters on pictures and feature maps: blur, doubling and halving without jagged edges (Zhang 2019).

The StyleGAN families resample with a short low-pass filter instead of a bare stride. A kernel is applied as a true
convolution (flipped), once a channel, and exactly as given: doubling needs four times the kernel that blurring needs,
since three of four samples are new. Kernels become constants of the module, so that a file holds plain convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Blur", "FirDown", "FirUp", "fir_kernel"]

Padding = tuple[int, int]


def fir_kernel(taps: Sequence[float] = (1, 3, 3, 1)) -> Tensor:
    """Return the kernel [n, n] of a separable filter, with the sum 1."""
    row = torch.tensor(taps, dtype=torch.float32)
    kernel = torch.outer(row, row)
    return kernel / kernel.sum()


def _weight(kernel: Tensor, channels: int) -> Tensor:
    """The kernel [h, w] as the weight [channels, 1, h, w] of a depthwise transposed convolution."""
    return kernel.detach().to(torch.float32)[None, None].repeat(channels, 1, 1, 1)


def _flipped(kernel: Tensor, channels: int) -> Tensor:
    """The kernel as the weight of a depthwise convolution, which torch computes as a correlation."""
    return _weight(kernel.flip((0, 1)), channels)


class Blur(nn.Module):
    """Convolves each of ``channels`` with ``kernel`` [h, w] after padding both axes by (before, after) zeros.

    Sides grow by before + after - (h - 1): with a kernel of four taps, (2, 1) keeps them and (1, 1) loses one.
    """

    weight: Tensor

    def __init__(self, kernel: Tensor, channels: int, padding: Padding, *, stride: int = 1) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride
        before, after = padding
        self.even = before if before == after and before >= 0 else 0
        self.uneven = (before - self.even, after - self.even)
        self.register_buffer("weight", _flipped(kernel, channels), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the filtered map of x [batch, channels, h, w]."""
        if any(self.uneven):
            x = F.pad(x, self.uneven * 2)
        return F.conv2d(x, self.weight, stride=self.stride, padding=self.even, groups=self.channels)


class FirDown(Blur):
    """Halves both sides (rounding down): `Blur` centred on every second pair of samples."""

    def __init__(self, kernel: Tensor, channels: int) -> None:
        taps = kernel.shape[0]
        super().__init__(kernel, channels, ((taps - 1) // 2, (taps - 2) // 2), stride=2)


class FirUp(nn.Module):
    """Doubles both sides: zeros are put between the samples and filtered with ``kernel`` [h, w], of the sum 4.

    One depthwise transposed convolution, equal to zero insertion, padding by (h + 1) // 2 before and (h - 2) // 2
    after, and convolution.
    """

    weight: Tensor

    def __init__(self, kernel: Tensor, channels: int) -> None:
        super().__init__()
        self.channels = channels
        taps = kernel.shape[0]
        before = taps - 1 - (taps + 1) // 2
        after = taps - 2 - (taps - 2) // 2
        self.even = before if before == after else 0
        self.uneven = (self.even - before, self.even - after)
        self.register_buffer("weight", _weight(kernel, channels), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of twice the sides of x [batch, channels, h, w]."""
        x = F.conv_transpose2d(x, self.weight, stride=2, padding=self.even, groups=self.channels)
        return F.pad(x, self.uneven * 2) if any(self.uneven) else x
