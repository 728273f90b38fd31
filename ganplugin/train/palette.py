"""The colours of a painting, put on a photo by one linear map: where the training of a style begins."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["colour_transfer"]


def colour_transfer(
    source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], *, spread: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return matrix [3, 3] and shift [3] that carry colours of one mean and covariance to another.

    Of all linear maps that do so, the one that moves colours least: the Monge-Kantorovich map of Pitié and Kokaram
    2007, "The linear Monge-Kantorovitch linear colour mapping". ``spread`` is a variance added to both sides: a grey
    photo's faint tints are not blown up to a painting's full colours.
    """
    mean, wanted_mean = source[0], target[0]
    covariance, wanted_covariance = (part[1] + spread * torch.eye(3).to(part[1]) for part in (source, target))
    root = _power(covariance, 0.5)
    back = _power(covariance, -0.5)
    matrix = back @ _power(root @ wanted_covariance @ root, 0.5) @ back
    return matrix, wanted_mean - matrix @ mean


def _power(covariance: Tensor, exponent: float) -> Tensor:
    """Return a power of a symmetric matrix; directions of no spread count as a spread of one 8-bit level."""
    values, vectors = torch.linalg.eigh(covariance.double())
    powers = values.clamp(min=1 / 255**2) ** exponent
    raised: Tensor = vectors @ torch.diag(powers) @ vectors.T
    return raised.to(covariance.dtype)
