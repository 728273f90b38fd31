"""Random squares of photos, what style networks learn to paint."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.train.data import Pixels

__all__ = ["Crops"]

_TRIES = 4
_FLAT = 4.0


class Crops:
    """Draws squares of ``side`` px from photos uint8 [3, h, w]; all chance comes from ``random``.

    A square of nearly one colour is drawn again a few times, as normalisation makes noise of it; calm ones stay, for
    every sky is one.
    """

    def __init__(self, photos: Sequence[Pixels], side: int, random: torch.Generator) -> None:
        self.photos = [torch.from_numpy(photo) for photo in photos]
        self.side, self.random = side, random

    def draw(self, count: int) -> Tensor:
        """Return squares 0..1 [count, 3, side, side], half of them mirrored, their levels smoothed by a grain."""
        pixels = torch.stack([self._one(self.photos[self.number(len(self.photos))]) for _ in range(count)])
        return (pixels + torch.rand(pixels.shape, generator=self.random)) / 256

    def _one(self, photo: Tensor) -> Tensor:
        for _ in range(_TRIES):
            top, left = self.number(photo.shape[1] - self.side + 1), self.number(photo.shape[2] - self.side + 1)
            crop = photo[:, top : top + self.side, left : left + self.side]
            if crop.float().std() > _FLAT:
                break
        return crop.flip(2) if self.number(2) else crop

    def number(self, end: int) -> int:
        """Return a whole number from 0 to below ``end``."""
        return int(torch.randint(0, end, (1,), generator=self.random))

    def middles(self, count: int, side: int) -> Tensor:
        """Return the middles of photos spread over the set, 0..1 [count or fewer, 3, side, side]."""
        found = []
        for photo in self.photos[:: max(1, len(self.photos) // count)][:count]:
            top, left = max(0, (photo.shape[1] - side) // 2), max(0, (photo.shape[2] - side) // 2)
            square = photo[None, :, top : top + side, left : left + side].float() / 255
            found.append(F.interpolate(square, size=(side, side), mode="bilinear", align_corners=False))
        return torch.cat(found)
