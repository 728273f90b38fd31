"""Adaptive augmentation: changes that happen with a probability, which the scorer's own certainty can steer.

After Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data" (ADA), section 3 and appendix B.
Of its set, the changes that cost little: all geometric ones as one resampling (bilinear here; the paper filters with a
wavelet), and all colour ones as one matrix. Alpha takes part in the first and never in the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.train.augment import split_alpha

__all__ = ["COLOUR", "GEOMETRY", "Steering", "recoloured", "resampled", "steered"]


@dataclass(frozen=True)
class Steering:
    """The present probability, and what the scorer has said of real pictures since it last changed."""

    probability: float = 0.0
    signs: float = 0.0
    pictures: int = 0


def steered(
    before: Steering, certainty: float, count: int, *, target: float = 0.6, kimg: float = 500.0, least: int = 256
) -> Steering:
    """Return the steering after ``count`` more real pictures, of which the scorer's ``certainty`` was this.

    r, see `Objective.certainty`, is near 0 while the scorer cannot tell and near 1 where it has learnt them by heart.
    Whenever ``least`` pictures were seen (4 batches of 64 in the paper), the probability moves towards where r is
    ``target``, at a pace that would lead from 0 to 1 in ``kimg`` thousand pictures. It stays in 0..1.
    """
    signs, pictures = before.signs + certainty * count, before.pictures + count
    if pictures < least:
        return Steering(before.probability, signs, pictures)
    step = math.copysign(pictures / (kimg * 1000), signs / pictures - target)
    return Steering(min(1.0, max(0.0, before.probability + step)))


class _Dice:
    """Draws for ``count`` pictures on the CPU, so that a run draws the same on every device."""

    def __init__(self, count: int, probability: float, random: torch.Generator) -> None:
        self.count, self.probability, self.random = count, probability, random

    def happens(self, probability: float | None = None) -> Tensor:
        """Tell for which pictures a change happens."""
        chance = self.probability if probability is None else probability
        return torch.rand(self.count, generator=self.random) < chance

    def uniform(self, low: float, high: float) -> Tensor:
        """Draw evenly from low..high."""
        return low + (high - low) * torch.rand(self.count, generator=self.random)

    def normal(self, spread: float) -> Tensor:
        """Draw from the normal distribution of this spread."""
        return spread * torch.randn(self.count, generator=self.random)

    def whole(self, count: int) -> Tensor:
        """Draw whole numbers below ``count``."""
        return torch.randint(0, count, (self.count,), generator=self.random)


Drawn = Callable[[_Dice, int, int], Tensor]
"""Of the dice, height and width: matrices [count, 3, 3] that take places of the new picture to places of the old one.

Places are in pixels from the middle: x, y, 1.
"""


def _matrix(rows: Sequence[Sequence[Tensor | float]], like: Tensor) -> Tensor:
    cells = [torch.stack([torch.as_tensor(cell).expand_as(like) for cell in row], dim=-1) for row in rows]
    return torch.stack(cells, dim=-2)


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    return _matrix(((x, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, 1.0)), x)


def _turning(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return _matrix(((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)), angle)


def _moving(x: Tensor, y: Tensor) -> Tensor:
    return _matrix(((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0)), x)


def _flip(dice: _Dice, height: int, width: int) -> Tensor:
    sign = 1 - 2.0 * (dice.happens() & (dice.whole(2) == 1))
    return _scaling(sign, torch.ones_like(sign))


def _quarter(dice: _Dice, height: int, width: int) -> Tensor:
    """Quarter turns; of oblong pictures half turns alone, as they would leave the frame."""
    step = 1 if height == width else 2
    return _turning(dice.happens() * dice.whole(4 // step) * step * (math.pi / 2))


def _shift(dice: _Dice, height: int, width: int) -> Tensor:
    happens = dice.happens()
    x, y = (torch.round(dice.uniform(-side / 8, side / 8)) * happens for side in (width, height))
    return _moving(x, y)


def _scale(dice: _Dice, height: int, width: int) -> Tensor:
    factor = torch.exp2(dice.normal(0.2) * dice.happens())
    return _scaling(factor, factor)


def _rotate(dice: _Dice, height: int, width: int) -> Tensor:
    """One of the paper's two rotations: both together happen with the probability p."""
    chance = 1 - math.sqrt(1 - min(1.0, dice.probability))
    return _turning(dice.uniform(-math.pi, math.pi) * dice.happens(chance))


def _stretch(dice: _Dice, height: int, width: int) -> Tensor:
    factor = torch.exp2(dice.normal(0.2) * dice.happens())
    return _scaling(factor, 1 / factor)


def _fraction(dice: _Dice, height: int, width: int) -> Tensor:
    happens = dice.happens()
    x, y = (dice.normal(side / 8) * happens for side in (width, height))
    return _moving(x, y)


GEOMETRY: Final[Mapping[str, tuple[Drawn, ...]]] = {
    "flip": (_flip,),
    "quarter": (_quarter,),
    "shift": (_shift,),
    "scale": (_scale,),
    "rotate": (_rotate,),
    "stretch": (_stretch, _rotate),
    "fraction": (_fraction,),
}
"""The geometric changes by name, in the paper's order. ``rotate`` comes before ``stretch`` and once more after it."""


def resampled(images: Tensor, probability: float, random: torch.Generator, names: Sequence[str]) -> Tensor:
    """Flip, turn, move and stretch pictures [batch, c, h, w], each change with ``probability``; borders are mirrored.

    Gradients pass through once: penalties take slopes at the pictures that the scorer sees, which lie behind it.
    """
    if probability <= 0 or not names:
        return images
    count, _, height, width = images.shape
    dice = _Dice(count, probability, random)
    matrix = torch.eye(3).expand(count, 3, 3)
    for name in names:
        for drawn in GEOMETRY[name]:
            matrix = matrix @ drawn(dice, height, width)
    half = torch.tensor([width / 2, height / 2, 1.0])
    inside = (matrix * half[None, None, :] / half[None, :, None])[:, :2].to(images.device)
    grid = F.affine_grid(inside, list(images.shape), align_corners=False)
    sampled = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return sampled.to(images.dtype)


_AXIS: Final = 1 / math.sqrt(3)
"""Each component of the grey axis, along which luma changes and around which hue turns."""


def _grey_axis() -> Tensor:
    return torch.full((3, 3), 1 / 3)


def _brightness(dice: _Dice) -> tuple[Tensor, Tensor]:
    amount = dice.normal(0.1) * dice.happens()
    return torch.eye(3).expand(dice.count, 3, 3), amount[:, None].expand(-1, 3)


def _contrast(dice: _Dice) -> tuple[Tensor, Tensor]:
    factor = torch.exp2(dice.normal(0.5) * dice.happens())[:, None]
    return torch.eye(3) * factor[:, :, None], 0.5 * (1 - factor).expand(-1, 3)


def _luma(dice: _Dice) -> tuple[Tensor, Tensor]:
    flipped = (dice.happens() & (dice.whole(2) == 1)).float()[:, None]
    return torch.eye(3) - 2 * _grey_axis() * flipped[:, :, None], flipped.expand(-1, 3)


def _hue(dice: _Dice) -> tuple[Tensor, Tensor]:
    angle = (dice.uniform(-math.pi, math.pi) * dice.happens())[:, None, None]
    cross = _AXIS * torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    turn = angle.cos() * torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) * _grey_axis()
    return turn, torch.zeros(dice.count, 3)


def _saturation(dice: _Dice) -> tuple[Tensor, Tensor]:
    factor = torch.exp2(dice.normal(1.0) * dice.happens())[:, None, None]
    return _grey_axis() + (torch.eye(3) - _grey_axis()) * factor, torch.zeros(dice.count, 3)


COLOUR: Final[Mapping[str, Callable[[_Dice], tuple[Tensor, Tensor]]]] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "luma": _luma,
    "hue": _hue,
    "saturation": _saturation,
}
"""The colour changes by name, in the paper's order: each a matrix and a shift of colours 0..1 [count, 3]."""


def recoloured(images: Tensor, probability: float, random: torch.Generator, names: Sequence[str]) -> Tensor:
    """Change brightness, contrast, luma, hue and saturation, each with ``probability``; grey pictures stay grey."""
    if probability <= 0 or not names:
        return images
    colours, alpha = split_alpha(images)
    dice = _Dice(len(images), probability, random)
    matrix, shift = torch.eye(3).expand(len(images), 3, 3), torch.zeros(len(images), 3)
    for name in names:
        turn, moved = COLOUR[name](dice)
        matrix, shift = turn @ matrix, (turn @ shift[:, :, None])[:, :, 0] + moved
    if colours.shape[1] == 1:
        # What the matrix does to grey, seen as grey again.
        matrix, shift = matrix.mean(dim=1).sum(dim=1)[:, None, None], shift.mean(dim=1, keepdim=True)
    matrix, shift = matrix.to(images.device, images.dtype), shift.to(images.device, images.dtype)
    changed = torch.einsum("noc,nchw->nohw", matrix, colours) + shift[:, :, None, None]
    return changed if alpha is None else torch.cat((changed, alpha), dim=1)
