"""The colours of a painting, for the ground that its style paints on."""

from __future__ import annotations

import torch
from torch import Tensor

from ganplugin.models.stylizer import opponent_matrix

__all__ = ["colour_statistics", "palette_map"]

_LEAST = 1e-6
# The inverse of `opponent_matrix`, in numbers, since an exported graph has no operator that would work it out.
_RGB = ((1.0, -0.0009267, 1.4016868), (1.0, -0.3436954, -0.714169), (1.0, 1.7721604, 0.0009902))


def colour_statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean [batch, 3] and covariance [batch, 3, 3] of the colours of pictures [batch, 3, h, w]."""
    flat = image.float().flatten(2)
    mean = flat.mean(dim=2)
    centred = flat - mean[:, :, None]
    return mean, torch.bmm(centred, centred.transpose(1, 2)) / flat.shape[2]


def palette_map(mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Return matrices [batch, 3, 3] and shifts [batch, 3] from bare luminance and chroma to the RGB of paintings.

    ``mean`` [batch, 3] and ``covariance`` [batch, 3, 3] are of their RGB colours. The Cholesky factor in luminance and
    chroma keeps what tone says of colour in a painting: where its darks are blue, a photo's darks become blue.
    """
    opponent = opponent_matrix().to(covariance)
    return covariance.new_tensor(_RGB) @ _factor(opponent @ covariance @ opponent.T), mean


def _factor(matrix: Tensor) -> Tensor:
    """Return the lower Cholesky factors of matrices [batch, 3, 3], written out, as ONNX has none."""
    a, b, c = (matrix[:, row, : row + 1] for row in range(3))
    first = torch.sqrt(a[:, :1] + _LEAST)
    low, lower = b[:, :1] / first, c[:, :1] / first
    second = torch.sqrt((b[:, 1:] - low.square()).clamp(min=0) + _LEAST)
    lowest = (c[:, 1:2] - low * lower) / second
    third = torch.sqrt((c[:, 2:] - lower.square() - lowest.square()).clamp(min=0) + _LEAST)
    none = torch.zeros_like(first)
    rows = ((first, none, none), (low, second, none), (lower, lowest, third))
    return torch.stack([torch.cat(row, dim=1) for row in rows], dim=1)
