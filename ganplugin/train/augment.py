"""Differentiable augmentation: the same random changes for real and made pictures, so that few pictures suffice.

After Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training".
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["augment", "colour", "cutout", "translation"]


def augment(images: Tensor, random: torch.Generator, *, recolour: float = 0.0) -> Tensor:
    """Shift, cut a hole and, by ``recolour`` 0..1, change the colours of pictures [batch, 3, h, w] in 0..1.

    Gradients pass through. Each picture draws its own change from ``random``.
    """
    if recolour > 0:
        images = colour(images, random, strength=recolour)
    return cutout(translation(images, random), random)


def _uniform(count: int, random: torch.Generator, like: Tensor) -> Tensor:
    """Draw [count, 1, 1, 1] from -0.5..0.5 on the CPU, so that a run draws the same numbers on every device."""
    return (torch.rand(count, 1, 1, 1, generator=random) - 0.5).to(like.device, like.dtype)


def colour(images: Tensor, random: torch.Generator, *, strength: float) -> Tensor:
    """Change brightness by up to ``strength``/2, saturation and contrast by up to ``strength`` of themselves."""
    images = images + _uniform(len(images), random, images) * strength
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + 2 * strength * _uniform(len(images), random, images))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + strength * _uniform(len(images), random, images))


def translation(images: Tensor, random: torch.Generator, *, ratio: float = 0.125) -> Tensor:
    """Shift by whole pixels, up to ``ratio`` of the side each way; what comes in mirrors the border.

    Grey instead would hide the frames that zero-padded convolutions leave, and the generator would keep them.
    """
    count, _, height, width = images.shape
    reach_y, reach_x = round(height * ratio), round(width * ratio)
    dy = torch.randint(0, 2 * reach_y + 1, (count,), generator=random).tolist()
    dx = torch.randint(0, 2 * reach_x + 1, (count,), generator=random).tolist()
    padded = F.pad(images, (reach_x, reach_x, reach_y, reach_y), mode="reflect")
    shifted = [padded[i, :, y : y + height, x : x + width] for i, (y, x) in enumerate(zip(dy, dx, strict=True))]
    return torch.stack(shifted)


def cutout(images: Tensor, random: torch.Generator, *, ratio: float = 0.4) -> Tensor:
    """Cover one rectangle of ``ratio`` of each side, anywhere, partly outside too, with mid-grey."""
    count, _, height, width = images.shape
    inside_y = _covered(count, height, ratio, random)[:, :, None]
    inside_x = _covered(count, width, ratio, random)[:, None, :]
    hole = (inside_y & inside_x)[:, None].to(images.device)
    return torch.where(hole, torch.full_like(images, 0.5), images)


def _covered(count: int, side: int, ratio: float, random: torch.Generator) -> Tensor:
    """Tell which positions [count, side] lie within an interval of ``ratio`` of the side around a random centre."""
    centre = torch.randint(0, side + 1, (count, 1), generator=random)
    half = side * ratio / 2
    position = torch.arange(side)[None] + 0.5
    return (position - centre).abs() < half
