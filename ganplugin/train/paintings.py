"""Paintings as they are shown to a network that shall paint in the manner of any: in pieces, mirrored, recoloured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.models.stylizer import opponent_matrix, recoloured
from ganplugin.train.data import Pixels

__all__ = ["Paintings", "squared"]

_LEAST_PART: Final = 0.5
_RECOLOURED: Final = 0.5


def squared(pixels: Pixels | Tensor, side: int) -> Tensor:
    """Return a picture uint8 [3, h, w] as 0..1 [1, 3, side, side], as the network looks at paintings."""
    image = torch.as_tensor(pixels)[None].float() / 255
    return F.interpolate(image, size=(side, side), mode="bilinear", align_corners=False, antialias=True)


class Paintings:
    """Draws pieces of paintings uint8 [3, h, w] as squares of ``side`` px; all chance comes from ``random``.

    There are few paintings, and no end of those that the network will be shown. So a piece of half a painting's sides
    or more is drawn, in a new aspect, and half of all pieces get other colours, as if another one had painted them.
    """

    def __init__(self, pixels: Sequence[Pixels], side: int, random: torch.Generator) -> None:
        self.pixels, self.side, self.random = [torch.from_numpy(one) for one in pixels], side, random

    def draw(self, count: int) -> Tensor:
        """Return pieces of ``count`` paintings, no two of the same one as long as there are others: 0..1."""
        order = torch.randperm(len(self.pixels), generator=self.random)
        chosen = [self.pixels[int(order[index % len(order)])] for index in range(count)]
        return torch.cat([self._piece(painting) for painting in chosen])

    def whole(self, limit: int) -> Tensor:
        """Return up to ``limit`` of the paintings as they are, spread over the set."""
        return torch.cat([squared(one, self.side) for one in self.pixels[:: -(-len(self.pixels) // limit)]])

    def _piece(self, painting: Tensor) -> Tensor:
        parts = [max(8, round(length * self._between(_LEAST_PART, 1))) for length in painting.shape[1:]]
        height, width = (min(part, length) for part, length in zip(parts, painting.shape[1:], strict=True))
        top, left = (
            self._number(length - part + 1) for length, part in zip(painting.shape[1:], (height, width), strict=True)
        )
        piece = squared(painting[:, top : top + height, left : left + width], self.side)
        piece = piece.flip(3) if self._number(2) else piece
        return self._recoloured(piece) if self._between(0, 1) < _RECOLOURED else piece

    def _recoloured(self, piece: Tensor) -> Tensor:
        """Turn the hues, and change saturation and contrast; one in four comes out as a negative."""
        angle, saturation = self._between(-math.pi, math.pi), self._between(0.4, 1.4)
        contrast = self._between(0.7, 1.2) * (-1 if self._number(4) == 0 else 1)
        turned = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        matrix = torch.eye(3)
        matrix[0, 0], matrix[1:, 1:] = contrast, saturation * turned
        opponent = opponent_matrix()
        whole = torch.linalg.inv(opponent) @ matrix @ opponent
        return (recoloured(whole, piece - 0.5) + 0.5).clamp(0, 1)

    def _number(self, end: int) -> int:
        return int(torch.randint(0, end, (1,), generator=self.random))

    def _between(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand(1, generator=self.random))
