"""How fast each part of a style network learns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from ganplugin.models.stylizer import Strokes

__all__ = ["descend", "optimizer_of", "pace", "scale_rates"]

_WARM_STEPS: Final = 50
_FALLING: Final = 0.5
"""The part of a run from which on its rates fall."""
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


def pace(optimizer: torch.optim.Optimizer, step: int, part: float) -> None:
    """Set the rates for a step when ``part`` of the run is done: they rise through the first 50 steps.

    In the second half of the run they fall as a cosine does: strokes that each step had moved about come to rest.
    """
    rest = max(0.0, part - _FALLING) / (1 - _FALLING)
    share = min(1.0, (step + 1) / _WARM_STEPS) * (1 + math.cos(math.pi * min(1.0, rest))) / 2
    for group in optimizer.param_groups:
        group["lr"] = group["full"] * share


def descend(optimizer: torch.optim.Optimizer, parts: Mapping[str, Tensor], longest: float) -> None:
    """Do one step down the sum of the parts of a loss, along a gradient no longer than ``longest``.

    No step is done where the gradient is not finite.
    """
    learning = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
    if torch.isfinite(torch.nn.utils.clip_grad_norm_(learning, longest)):
        optimizer.step()


def scale_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Multiply the rates from now on."""
    for group in optimizer.param_groups:
        group["full"] *= factor
