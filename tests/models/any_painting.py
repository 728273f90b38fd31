"""A tiny any-painting network with random weights."""

from __future__ import annotations

import torch

from ganplugin.models.any_painting import AnyPainting
from ganplugin.models.stylizer import StylizerConfig
from ganplugin.models.vgg import VggFeatures


def any_painting(side: int = 32) -> AnyPainting:
    torch.manual_seed(0)
    weights = [
        (0.4 * torch.randn(after, before, 3, 3), torch.zeros(after))
        for before, after in ((3, 4), (4, 4), (4, 8), (8, 8))
    ]
    eye = VggFeatures(weights, mean=torch.full((3,), 0.5), std=torch.full((3,), 0.25), blocks=2, divide=16)
    shape = StylizerConfig(styles=7, widths=(4, 6, 8), residuals=2, limit=8.0)
    module = AnyPainting(shape, eye, side=side, hidden=8).eval().requires_grad_(False)
    module.hand.leave.weight.mul_(5)
    return module
