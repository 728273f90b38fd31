"""The moving average of a generator's weights, which makes better pictures than the weights of any one step."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.models.players.player import Painter, StyledPainter

__all__ = ["calibrated", "follow", "frozen_copy", "update_average"]


AnyModule = TypeVar("AnyModule", bound=nn.Module)
_BATCHES, _BATCH = 16, 64


def frozen_copy(module: AnyModule) -> AnyModule:
    """Return a deep copy that takes no gradients."""
    return copy.deepcopy(module).requires_grad_(False)


def update_average(average: nn.Module, module: nn.Module, *, step: int, decay: float) -> None:
    """Move ``average`` towards ``module`` by 1 - decay; in the first steps by more, so that the start is forgotten."""
    follow(average, module, decay=min(decay, (1 + step) / (10 + step)))


@torch.no_grad()
def follow(average: nn.Module, module: nn.Module, *, decay: float) -> None:
    """Move the parameters of ``average`` towards those of ``module`` by 1 - decay."""
    for kept, new in zip(average.parameters(), module.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)


@torch.no_grad()
def calibrated(average: Painter, painter: Painter, *, seed: int, classes: int = 0) -> Painter:
    """Return a copy of the average, in eval mode, with norm statistics and mean w of its very own weights.

    Those gathered while training belong to other weights. ``seed`` alone decides the latents; neither the average nor
    torch's random state change.
    """
    ready = frozen_copy(average)
    for kept, new in zip(ready.buffers(), painter.buffers(), strict=True):
        kept.copy_(new)
    norms = [layer for layer in ready.modules() if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]
    if norms or isinstance(ready, StyledPainter):
        device = next(ready.parameters()).device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            _measure(ready, norms, classes, device)
    return ready.eval()


def _measure(
    painter: Painter, norms: Sequence[nn.BatchNorm1d | nn.BatchNorm2d], classes: int, device: torch.device
) -> None:
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None
    centres = []
    for turn in range(_BATCHES):
        z = torch.randn(_BATCH, painter.z_dim).to(device)
        label = _labels(turn, classes, device)
        if isinstance(painter, StyledPainter):
            centres.append(painter.map(z, label).mean(dim=0))
        if norms:
            painter.train().paint(z, label)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
    if isinstance(painter, StyledPainter):
        painter.centre.copy_(torch.stack(centres).mean(dim=0))


def _labels(turn: int, classes: int, device: torch.device) -> Tensor | None:
    """Return the labels of a batch; those of all turns go round the classes."""
    numbers = torch.arange(turn * _BATCH, (turn + 1) * _BATCH)
    return F.one_hot(numbers % classes, classes).float().to(device) if classes else None
