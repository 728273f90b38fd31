"""Backbones by name."""

from __future__ import annotations

from pathlib import Path

import torch

from ganplugin.errors import InputError
from ganplugin.registry import did_you_mean
from ganplugin.train.metrics.backbones.backbone import Backbone

__all__ = ["BACKBONES", "load_backbone"]

BACKBONES = ("efficientnet-lite0", "efficientnet-lite0-224", "inception", "random")
"""The names that `load_backbone` knows; the first is the default."""


def load_backbone(name: str = BACKBONES[0], *, device: torch.device, inception: Path | None = None) -> Backbone:
    """Return a backbone, ready on ``device``; ``inception`` is the weight file of that one.

    Raises `InputError` for another name, `DependencyError` or `TrainingError` if its weights are missing or wrong.
    """
    if name == "inception":
        from ganplugin.train.metrics.backbones.fid_inception import fid_inception

        return fid_inception(device, weights=inception)
    if name == "random":
        from ganplugin.train.metrics.backbones.random_convolutions import random_convolutions

        return random_convolutions(device)
    if name not in BACKBONES:
        raise InputError(f"there is no backbone {name!r}", where="--backbone", fix=did_you_mean(name, BACKBONES))
    from ganplugin.train.metrics.backbones.efficientnet import efficientnet

    return efficientnet(device, side=224 if name.endswith("-224") else 128)
