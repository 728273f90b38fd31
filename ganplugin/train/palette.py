"""The colours of a painting, for the ground that its style paints on: where the training of a style begins."""

from __future__ import annotations

import torch
from torch import Tensor

from ganplugin.models.stylizer import opponent_matrix

__all__ = ["palette_map"]


def palette_map(mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Return matrix [3, 3] and shift [3] from bare luminance and chroma to RGB of a painting's mean and covariance.

    ``mean`` [3] and ``covariance`` [3, 3] are of its RGB colours. The Cholesky factor in luminance and chroma keeps
    what tone says of colour in the painting: where its darks are blue, a photo's darks become blue.
    """
    opponent = opponent_matrix().to(covariance)
    own = opponent @ covariance @ opponent.T
    lower: Tensor = torch.linalg.cholesky(own + 1e-6 * torch.eye(3).to(own))
    return torch.linalg.solve(opponent, lower), mean
