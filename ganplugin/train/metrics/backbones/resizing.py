"""How pictures come to the size of a backbone; two numbers compare only if this was the same."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["resize_smooth", "resize_tensorflow1"]


def resize_smooth(pictures: Tensor, side: int) -> Tensor:
    """Return pictures [n, c, h, w], 0..255, at side x side by bicubic interpolation with antialiasing.

    Proportions are not kept. Fine detail survives enlarging better than with bilinear interpolation.
    """
    if tuple(pictures.shape[2:]) == (side, side):
        return pictures
    resized = F.interpolate(pictures, (side, side), mode="bicubic", align_corners=False, antialias=True)
    return resized.clamp(0, 255)


def resize_tensorflow1(pictures: Tensor, side: int) -> Tensor:
    """Return pictures [n, c, h, w] at side x side as TensorFlow 1's ``resize_bilinear`` did.

    That is the resize inside the published Inception graph: a pixel's position is index x old size / new size, without
    half-pixel centres and without antialiasing, so that larger pictures are sampled, not averaged.
    """
    rows, columns = (_weights(length, side).to(pictures) for length in pictures.shape[2:])
    return rows @ pictures @ columns.T


def _weights(before: int, after: int) -> Tensor:
    """Return the matrix [after, before] that takes each new value from its two old neighbours."""
    position = torch.arange(after, dtype=torch.float32) * (torch.tensor(before / after, dtype=torch.float32))
    low = position.long()
    high = (low + 1).clamp_max(before - 1)
    part = position - low
    matrix = torch.zeros(after, before)
    matrix[torch.arange(after), low] += 1 - part
    matrix[torch.arange(after), high] += part
    return matrix
