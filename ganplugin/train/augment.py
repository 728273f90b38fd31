"""Differentiable augmentation: the same random changes for real and made pictures, so that few pictures suffice.

After Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training". Pictures are [batch, channels, h,
w] in 0..1 with 1, 3 or 4 channels; of four the last is alpha, whose values are moved and covered but never recoloured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import InputError

__all__ = ["CHANGES", "augment", "changes_of", "colour", "cutout", "pipeline", "split_alpha", "translation"]

Change = Callable[[Tensor, torch.Generator], Tensor]

_COLOUR: Final = 0.5


def augment(images: Tensor, random: torch.Generator, *, recolour: float = 0.0) -> Tensor:
    """Shift, cut a hole and, by ``recolour`` 0..1, change the colours.

    Gradients pass through. Each picture draws its own change from ``random``.
    """
    if recolour > 0:
        images = colour(images, random, strength=recolour)
    return cutout(translation(images, random), random)


_ALONE: Final = "use --augment ada, or names of colour, translation, cutout"


def changes_of(text: str) -> tuple[str, ...]:
    """Return the names in ``colour,translation,cutout``; none of an empty text. Raises `InputError` for others."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in CHANGES:
            if name == "ada":
                raise InputError("ada goes with no other augmentation, and with generators alone", fix=_ALONE)
            raise InputError(f"there is no augmentation {name!r}", fix="known: " + ", ".join(CHANGES))
    return names


def pipeline(images: Tensor, random: torch.Generator, names: Sequence[str]) -> Tensor:
    """Apply the changes of these names one after the other."""
    for name in names:
        images = CHANGES[name](images, random)
    return images


def split_alpha(images: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the colours [batch, 1 or 3, h, w], and alpha [batch, 1, h, w] where there is one."""
    return (images[:, :3], images[:, 3:]) if images.shape[1] == 4 else (images, None)


def _uniform(count: int, random: torch.Generator, like: Tensor) -> Tensor:
    """Draw [count, 1, 1, 1] from -0.5..0.5 on the CPU, so that a run draws the same numbers on every device."""
    return (torch.rand(count, 1, 1, 1, generator=random) - 0.5).to(like.device, like.dtype)


def colour(images: Tensor, random: torch.Generator, *, strength: float = _COLOUR) -> Tensor:
    """Change brightness by up to ``strength``/2, contrast by up to ``strength`` of itself, saturation by twice that.

    With 0.5 these are the paper's: brightness -0.25..0.25 of 0..1, saturation 0..2, contrast 0.5..1.5 times.
    """
    images, alpha = split_alpha(images)
    images = images + _uniform(len(images), random, images) * strength
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + 4 * strength * _uniform(len(images), random, images))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * (1 + 2 * strength * _uniform(len(images), random, images))
    return images if alpha is None else torch.cat((images, alpha), dim=1)


def translation(images: Tensor, random: torch.Generator, *, ratio: float = 0.125) -> Tensor:
    """Shift by whole pixels, up to ``ratio`` of the side each way; what comes in mirrors the border.

    Grey instead would hide the frames that zero-padded convolutions leave, and the generator would keep them.
    """
    count, _, height, width = images.shape
    reach_y, reach_x = round(height * ratio), round(width * ratio)
    dy = torch.randint(0, 2 * reach_y + 1, (count, 1), generator=random)
    dx = torch.randint(0, 2 * reach_x + 1, (count, 1), generator=random)
    padded = F.pad(images, (reach_x, reach_x, reach_y, reach_y), mode="reflect")
    rows, columns = torch.arange(height) + dy, torch.arange(width) + dx
    places = rows[:, :, None] * padded.shape[3] + columns[:, None, :]
    places = places.to(images.device)[:, None].expand(-1, images.shape[1], -1, -1).flatten(2)
    return padded.flatten(2).gather(2, places).view_as(images)


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


CHANGES: Final[Mapping[str, Change]] = {
    "colour": lambda images, random: colour(images, random),
    "translation": lambda images, random: translation(images, random),
    "cutout": lambda images, random: cutout(images, random),
}
"""The changes by name, in the paper's order and with its strengths, but for borders and half holes (see each)."""
