"""Resampling without aliases (Zhang 2019, "Making Convolutional Networks Shift-Invariant Again"): blur, then drop."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["BlurDown", "BlurUp"]


class BlurDown(nn.Module):
    """Halves a map [batch, channels, h, w] (rounding up) after a blur whose kernel ``filt`` comes from the file."""

    filt: Tensor

    def __init__(self, channels: int, taps: int) -> None:
        super().__init__()
        self.channels = channels
        before, after = (taps - 1) // 2, taps // 2
        self.pad = nn.ReflectionPad2d((before, after, before, after))
        self.register_buffer("filt", torch.zeros(channels, 1, taps, taps))

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of half the size."""
        return F.conv2d(self.pad(x), self.filt, stride=2, groups=self.channels)


class BlurUp(nn.Module):
    """Doubles a map [batch, channels, h, w] by the blur kernel ``filt`` (4 taps, from the file) with its edges held."""

    filt: Tensor

    def __init__(self, channels: int, taps: int) -> None:
        super().__init__()
        self.channels = channels
        # One pixel of held edge becomes two; they and what the kernel overhangs are cut off on every side.
        self.cut = 2 + (taps - 2) // 2
        self.pad = nn.ReplicationPad2d(1)
        self.register_buffer("filt", torch.zeros(channels, 1, taps, taps))

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of twice the size."""
        return F.conv_transpose2d(self.pad(x), self.filt, stride=2, padding=self.cut, groups=self.channels)
