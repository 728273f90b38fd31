"""The moving average of a generator's weights, which makes better pictures than the weights of any one step."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from ganplugin.models.quick import QuickGenerator

__all__ = ["frozen_copy", "recalibrate", "update_average"]


AnyModule = TypeVar("AnyModule", bound=nn.Module)


def frozen_copy(module: AnyModule) -> AnyModule:
    """Return a deep copy that takes no gradients."""
    return copy.deepcopy(module).requires_grad_(False)


def update_average(average: nn.Module, module: nn.Module, *, step: int, decay: float) -> None:
    """Move ``average`` towards ``module`` by 1 - decay; in the first steps by more, so that the start is forgotten."""
    weight = 1 - min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for kept, new in zip(average.parameters(), module.parameters(), strict=True):
            kept.lerp_(new, weight)


@torch.no_grad()
def recalibrate(generator: QuickGenerator, *, seed: int, batches: int = 16, batch: int = 64) -> None:
    """Measure the normalisation statistics and the mean w of these very weights, from ``seed`` alone.

    Averaged weights have statistics of their own; those gathered while training belong to other weights.
    """
    random = torch.Generator().manual_seed(seed)
    device = generator.w_avg.device
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None
    means = []
    generator.train()
    for _ in range(batches):
        w = generator.map(torch.randn(batch, generator.config.z_dim, generator=random).to(device))
        means.append(w.mean(dim=0))
        generator.synthesize(w[:, None].expand(-1, generator.config.num_ws, -1))
    generator.eval()
    generator.w_avg.copy_(torch.stack(means).mean(dim=0))
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
