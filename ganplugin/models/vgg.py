"""VGG-16's convolutions (Simonyan and Zisserman 2015) up to block 4, the eye of the perceptual losses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["VGG_CHANNELS", "VggFeatures"]

VGG_CHANNELS: tuple[tuple[int, ...], ...] = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512))
"""Output channels of each convolution, block by block."""


class VggFeatures(nn.Module):
    """Features of pictures 0..1 [batch, 3, h, w]: the last ReLU of each of the first ``blocks`` blocks.

    ``weights`` holds (weight [out, in, 3, 3], bias [out]) of each convolution in order, the first one for RGB input;
    ``mean`` and ``std`` [3] are what it was trained with, on the 0..1 scale. ``divide`` makes a narrower network of
    the same layout for tests.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, weights: Sequence[tuple[Tensor, Tensor]], *, mean: Tensor, std: Tensor, blocks: int = 4, divide: int = 1
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float().view(1, 3, 1, 1))
        self.register_buffer("std", std.float().view(1, 3, 1, 1))
        self.blocks = nn.ModuleList()
        remaining = iter(weights)
        before = 3
        for channels in VGG_CHANNELS[:blocks]:
            block = nn.ModuleList()
            for after in channels:
                conv = nn.Conv2d(before, after // divide, 3, padding=1)
                weight, bias = next(remaining)
                conv.load_state_dict({"weight": weight, "bias": bias})
                block.append(conv)
                before = after // divide
            self.blocks.append(block)
        self.requires_grad_(False)

    def forward(self, image: Tensor, depth: int | None = None) -> list[Tensor]:
        """Return the features of the first ``depth`` blocks, or of all: at the picture's size, then each at half."""
        x = (image - self.mean) / self.std
        features = []
        for index, block in enumerate(self.blocks[:depth]):
            if index:
                x = F.max_pool2d(x, 2)
            for conv in block:  # type: ignore[attr-defined]
                x = torch.relu(conv(x))
            features.append(x)
        return features
