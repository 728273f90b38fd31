"""Path length regularisation: equal steps in w shall change pictures equally (Karras et al. 2020, section 3.2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganplugin.train.recipes.recipe import PathLength

__all__ = ["path_penalty"]


def path_penalty(images: Tensor, ws: Tensor, mean: float, rule: PathLength) -> tuple[Tensor, float]:
    """Return weight * every * E (|J^T y| - a)^2 and the new mean length a, for pictures made of ws [batch, n, w_dim].

    y is noise over all pixels with the length of one; |J^T y| is the root of the mean over layers of the squared length
    of its gradient in w, as in the authors' code. Open to a backward pass.
    """
    noise = torch.randn_like(images) / math.sqrt(images.shape[2] * images.shape[3])
    # Pictures are 0..1 here, and -1..1 in the paper.
    (slope,) = torch.autograd.grad((2 * images * noise).sum(), ws, create_graph=True)
    lengths = (slope.square().sum(dim=2).mean(dim=1) + 1e-12).sqrt()
    now = float(lengths.detach().mean())
    target = now + (mean - now) * rule.memory if mean else now
    return (lengths - target).square().mean() * rule.weight * rule.every, target
