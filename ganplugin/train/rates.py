"""How fast each part of a style network learns."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from ganplugin.models.stylizer import Strokes

__all__ = ["optimizer_of", "slow_down", "warm_up"]

_WARM_STEPS: Final = 50
_LAST: Final = 0.05
_OWN: Final = 2.0


def optimizer_of(network: torch.nn.Module, strokes: Strokes, rate: float) -> torch.optim.Adam:
    """Return an optimiser of all that learns in ``network``, whose ``strokes`` are what paints.

    Adam moves every weight by as much, so that the last convolution, which sums up some 2,000 products, would leap by
    the whole range of colours in a step; then strokes are soon silenced, and what is learnt is the bare ground. So it
    learns at a twentieth of the rate. What belongs to one style learns twice as fast, as it is met so much more rarely.
    """
    last = {id(parameter) for parameter in strokes.leave.parameters()}
    groups: dict[float, list[Tensor]] = {1.0: [], _LAST: [], _OWN: []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups[_LAST if id(parameter) in last else _OWN if ".norm." in name else 1.0].append(parameter)
    chosen = [{"params": found, "lr": rate * part, "full": rate * part} for part, found in groups.items()]
    return torch.optim.Adam(chosen, betas=(0.9, 0.99))


def warm_up(optimizer: torch.optim.Optimizer, step: int) -> None:
    """Set the rates for a step: they rise through the first 50."""
    for group in optimizer.param_groups:
        group["lr"] = group["full"] * min(1.0, (step + 1) / _WARM_STEPS)


def slow_down(optimizer: torch.optim.Optimizer) -> None:
    """Halve the rates from now on."""
    for group in optimizer.param_groups:
        group["full"] /= 2
