"""Pictures as Haar wavelets: four bands of half the sides, as SWAGAN draws them (Gal et al. 2021)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.models.weights import Weights

__all__ = ["FromWavelets", "ToWavelets", "has_wavelets"]

_BANDS = ("ll", "lh", "hl", "hh")


def has_wavelets(weights: Weights) -> bool:
    """Return whether a network's file holds the kernels of an inverse transform."""
    return weights.has("iwt.ll")


def _kernels(weights: Weights, channels: int) -> Tensor:
    """The weight [4 * channels, channels, 2, 2] that acts on each channel alone, band by band."""
    kernels = torch.stack([weights.take(band, 2, 2) for band in _BANDS])
    alone = torch.eye(channels)
    return torch.einsum("bhw,cd->bcdhw", kernels, alone).flatten(0, 1)


class FromWavelets(nn.Module):
    """Bands [batch, 4 * channels, h, w] to pictures [batch, channels, 2 h, 2 w], by the file's kernels."""

    weight: Tensor

    def __init__(self, weights: Weights, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", _kernels(weights, channels), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the pictures."""
        return F.conv_transpose2d(x, self.weight, stride=2)


class ToWavelets(nn.Module):
    """Pictures [batch, channels, 2 h, 2 w] to bands [batch, 4 * channels, h, w], by the file's kernels."""

    weight: Tensor

    def __init__(self, weights: Weights, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", _kernels(weights, channels).flip((2, 3)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the bands."""
        return F.conv2d(x, self.weight, stride=2)
