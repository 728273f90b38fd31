"""How far pictures are apart to the eye: LPIPS without its learned weights, through any backbone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["adjacent_distances"]


def adjacent_distances(maps: Sequence[Tensor]) -> Tensor:
    """Return the distances [n // 2] of pictures 0 and 1, 2 and 3, ... of a batch in random order.

    At every place of every feature map [n, c, h, w] the channels are brought to length 1; the squared differences are
    averaged over places and summed over maps (Zhang et al. 2018, without the learned channel weights).
    """
    pairs = len(maps[0]) // 2
    total = torch.zeros(pairs, device=maps[0].device)
    for found in maps:
        unit = found.float() / found.float().square().sum(1, keepdim=True).sqrt().clamp_min(1e-10)
        first, second = unit[0 : 2 * pairs : 2], unit[1 : 2 * pairs : 2]
        total += (first - second).square().sum(1).mean((1, 2))
    return total
