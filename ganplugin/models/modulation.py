"""Modulated convolution (Karras et al. 2020, StyleGAN2, section 2.2) in the form that leaves the batch dynamic.

The paper scales the weights of each sample by its style s and normalises them. The same numbers come from scaling the
input instead, one convolution with plain weights W for the whole batch, and scaling the output::

    y = conv(x * s, W) * d        d = 1 / sqrt(sum over input and kernel of (s * W)^2 + eps)

so that no convolution is grouped by sample: the exported graph takes any batch, and is faster than the grouped form.
W is divided by its size and d multiplied by it, a constant: otherwise the sums, which d makes small again, could be
larger than half precision holds.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.models.fir import Blur

__all__ = ["EPSILON", "ModulatedConv", "ModulatedUpConv", "demodulation", "energy"]

EPSILON = 1e-8
"""The eps of the formula in every known code of the StyleGAN2 family."""


def energy(weight: Tensor) -> Tensor:
    """Return sum(W^2) over the kernel, [in, out], of a weight [out, in, h, w]: the constant part of d."""
    return weight.detach().to(torch.float32).square().sum(dim=(2, 3)).t().contiguous()


def demodulation(style: Tensor, energies: Tensor) -> Tensor:
    """Return d [batch, out, 1, 1] of a style [batch, in] and the `energy` [in, out] of a weight."""
    return torch.rsqrt(style.square() @ energies + EPSILON)[:, :, None, None]


def _size(weight: Tensor) -> float:
    """Return the root mean square over outputs of a weight's length: divided by it, sums are as large as the inputs."""
    return float(weight.detach().to(torch.float32).square().sum(dim=(1, 2, 3)).mean().sqrt()) or 1.0


class ModulatedConv(nn.Module):
    """conv(x * s, W) * d with a weight [out, in, k, k], k odd, applied as a correlation.

    ``padding`` zeros are added on each side, by default as many as keep the size.
    ``gain`` multiplies the output (an activation's gain costs nothing there). The weight is used as given: a gain that
    belongs to it (equalised learning rate) must be multiplied in before, since d does not cancel it exactly.
    """

    weight: Tensor
    energies: Tensor

    def __init__(self, weight: Tensor, *, gain: float = 1.0, padding: int | None = None) -> None:
        super().__init__()
        size = _size(weight)
        self.gain = gain * size
        self.padding = weight.shape[-1] // 2 if padding is None else padding
        self.register_buffer("weight", (weight.detach().to(torch.float32) / size).contiguous(), persistent=False)
        self.register_buffer("energies", energy(weight), persistent=False)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return [batch, out, h, w] of x [batch or 1, in, h, w] and style [batch, in]."""
        y = F.conv2d(x * style[:, :, None, None], self.weight, padding=self.padding)
        return y * (demodulation(style, self.energies) * self.gain)


class ModulatedUpConv(nn.Module):
    """As `ModulatedConv`, on twice the sides: transposed convolution of stride 2, then a blur by ``kernel``.

    The weight [out, in, 3, 3] is applied as a true convolution, as the StyleGAN2 family does when it doubles.
    ``kernel`` [n, n] is used as given, so it must have the sum 4 to keep the brightness.
    """

    weight: Tensor
    energies: Tensor

    def __init__(self, weight: Tensor, kernel: Tensor, *, gain: float = 1.0) -> None:
        super().__init__()
        size = _size(weight)
        self.gain = gain * size
        side, taps = weight.shape[-1], kernel.shape[0]
        missing = (taps - 1) - (side - 2)
        self.blur = Blur(kernel, weight.shape[0], ((missing + 1) // 2, missing // 2))
        transposed = (weight.detach().to(torch.float32) / size).transpose(0, 1).contiguous()
        self.register_buffer("weight", transposed, persistent=False)
        self.register_buffer("energies", energy(weight), persistent=False)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return [batch, out, 2 h, 2 w] of x [batch or 1, in, h, w] and style [batch, in]."""
        y = F.conv_transpose2d(x * style[:, :, None, None], self.weight, stride=2)
        return self.blur(y * (demodulation(style, self.energies) * self.gain))  # type: ignore[no-any-return]
