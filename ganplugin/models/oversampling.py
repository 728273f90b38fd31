"""The resampling around StyleGAN3's activations (Karras et al. 2021, section 3.2 and appendix D)."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Downsampling", "Upsampling"]

_BLOCK: Final = 256
"""Samples that one matrix makes: longer rows would multiply by more and more zeros."""


class Upsampling(nn.Module):
    """Zeros put between samples, padding (or cropping), and a separable low-pass [taps]: maps of a square size.

    Each row of samples is multiplied by a matrix that holds the shifted filter. onnxruntime does that two to three
    times as fast as the transposed convolution of single channels that gives the same numbers.
    """

    def __init__(self, taps: Tensor, factor: int, sides: tuple[int, int], first: int) -> None:
        """Enlarge maps from the first to the second of ``sides``; ``first`` zeros pad the left and the top."""
        super().__init__()
        whole = _matrix(taps * factor, factor, sides, len(taps) - 1 - first)
        self.spans: list[tuple[int, int]] = []
        for index, block in enumerate(torch.split(whole, _BLOCK, dim=1)):
            used = block.any(dim=1).nonzero()
            start, end = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
            self.spans.append((start, end))
            self.register_buffer(f"rows_{index}", block[start:end].contiguous(), persistent=False)
            self.register_buffer(f"columns_{index}", block[start:end].t().contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [batch, channels, h, w] enlarged."""
        blocks = list(enumerate(self.spans))
        x = _joined([self.get_buffer(f"columns_{index}") @ x[:, :, start:end] for index, (start, end) in blocks], 2)
        return _joined([x[..., start:end] @ self.get_buffer(f"rows_{index}") for index, (start, end) in blocks], 3)


def _matrix(taps: Tensor, factor: int, sides: tuple[int, int], cropped: int) -> Tensor:
    """Return the matrix [before, after] that spreads each sample; ``cropped`` results at the start are left out."""
    before, after = sides
    places = torch.arange(after)[None] + cropped - factor * torch.arange(before)[:, None]
    within = (places >= 0) & (places < len(taps))
    return torch.where(within, taps[places.clamp(0, len(taps) - 1)], torch.zeros(()))


def _joined(parts: list[Tensor], axis: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=axis)


class Downsampling(nn.Module):
    """A low-pass, separable [taps] or not [taps, taps], of which every ``factor``-th sample is kept; no padding."""

    kernel: Tensor

    def __init__(self, taps: Tensor, channels: int, factor: int) -> None:
        super().__init__()
        self.factor, self.channels, self.separable = factor, channels, taps.ndim == 1
        flipped = taps.flip(tuple(range(taps.ndim)))
        self.register_buffer("kernel", flipped.repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [batch, channels, h, w], filtered and ``factor`` times smaller."""
        if not self.separable:
            return F.conv2d(x, self.kernel, stride=self.factor, groups=self.channels)
        x = F.conv2d(x, self.kernel, stride=(1, self.factor), groups=self.channels)
        return F.conv2d(x, self.kernel.transpose(2, 3), stride=(self.factor, 1), groups=self.channels)
