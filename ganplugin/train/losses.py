"""The perceptual distances of style transfer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganplugin.models.palette import colour_statistics

__all__ = [
    "content_loss",
    "gram",
    "overshoot",
    "palette_loss",
    "style_loss",
    "total_variation",
]


def gram(features: Tensor) -> Tensor:
    """Return the mean outer products of channels [batch, c, c] of features [batch, c, h, w] (Gatys et al. 2016)."""
    flat = features.float().flatten(2)
    return torch.bmm(flat, flat.transpose(1, 2)) / flat.shape[2]


def style_loss(made: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Return the sum over layers of log(1 + |G - T| / |T|) (Frobenius norms), averaged over the batch.

    ``made`` and ``targets`` are Gram matrices [batch or 1, c, c]. Dividing by the target's norm gives every layer the
    same say; the logarithm keeps one loud channel, or a sparse painting with its small T, from ruling the rest.
    """
    terms = []
    for matrix, target in zip(made, targets, strict=True):
        difference = torch.linalg.matrix_norm(matrix - target)
        terms.append(torch.log1p(difference / torch.linalg.matrix_norm(target)).mean())
    return torch.stack(terms).sum()


def content_loss(made: Tensor, target: Tensor) -> Tensor:
    """Return |made - target|^2 / |target|^2 of one layer's features over the whole batch.

    Picture by picture, an empty sky without a feature would divide by zero.
    """
    return (made.float() - target.float()).square().sum() / target.float().square().sum().clamp(min=1e-6)


def overshoot(image: Tensor) -> Tensor:
    """Return the mean square of how far values lie outside 0..1."""
    return (image - image.clamp(0, 1)).square().mean()


def total_variation(image: Tensor) -> Tensor:
    """Return the mean squared difference of neighbouring pixels of pictures [batch, 3, h, w]."""
    rows = (image[:, :, 1:] - image[:, :, :-1]).square().mean()
    columns = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().mean()
    return rows + columns


def palette_loss(image: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Return how far the colours of pictures are from a palette: squared distances over the palette's own spread."""
    own_mean, own_covariance = colour_statistics(image)
    spread = covariance.diagonal(dim1=1, dim2=2).sum(dim=1)
    means = (own_mean - mean).square().sum(dim=1) / spread
    covariances = (own_covariance - covariance).square().sum(dim=(1, 2)) / covariance.square().sum(dim=(1, 2))
    return (means + covariances).mean()
