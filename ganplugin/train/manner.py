"""How near a painting is to another one's manner and to the photo that it was made of: what style networks learn by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch.nn.functional as F
from torch import Tensor

from ganplugin.models.vgg import VggFeatures
from ganplugin.train.losses import content_loss, gram, overshoot, palette_loss, style_loss, total_variation

__all__ = ["DEPTHS", "MannerWeights", "Target", "Views", "content_of", "grams_of", "losses_of", "views"]

DEPTHS: Final = (2, 4, 3)
"""Blocks of VGG-16 that look at a picture in full, at half and at quarter size.

The deep blocks see large forms, not only strokes, and the larger the smaller the picture is; at full size they would
take two thirds of the arithmetic. At quarter size the fourth would see little but the rim of a crop, and learning from
it spots every style with the same pale blobs. Half size and the second block also keep what a photo shows, and leave
it room.
"""
_CONTENT_VIEW: Final = 1
_CONTENT_BLOCK: Final = 1

Views = list[list[Tensor]]
Palette = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class MannerWeights:
    """The say of each part of the loss."""

    content: float = 1.0
    style: float = 1.0
    palette: float = 1.0
    smoothness: float = 0.3
    range: float = 50.0


@dataclass(frozen=True)
class Target:
    """What n paintings are like: Gram matrices [n, c, c] of each layer of each view, mean and covariance of colours."""

    grams: Sequence[Tensor]
    palette: Palette

    def chosen(self, index: Tensor) -> Target:
        """Return the paintings of these numbers."""
        mean, covariance = self.palette
        return Target([layer[index] for layer in self.grams], (mean[index], covariance[index]))


def views(features: VggFeatures, image: Tensor) -> Views:
    """Return the features of pictures 0..1 [batch, 3, h, w], in full, at half and at quarter size."""
    found = []
    for index, depth in enumerate(DEPTHS):
        image = F.avg_pool2d(image, 2) if index else image
        found.append(features(image, depth))
    return found


def grams_of(seen: Views, group: int) -> list[Tensor]:
    """Return the Gram matrices of views, of every ``group`` pictures in a row together."""
    return [gram(together(layer, group)) for view in seen for layer in view]


def together(maps: Tensor, group: int) -> Tensor:
    """Lay every ``group`` maps in a row side by side: [batch / group, c, h, group * w]."""
    grouped = maps.view(-1, group, *maps.shape[1:])
    return grouped.permute(0, 2, 3, 1, 4).flatten(3)


def content_of(features: VggFeatures, image: Tensor) -> Tensor:
    """Return the features that shall stay as they are in ``image``."""
    deepest: Tensor = features(F.avg_pool2d(image, 2**_CONTENT_VIEW), _CONTENT_BLOCK + 1)[-1]
    return deepest


def losses_of(
    painted: Tensor, seen: Views, wanted: Tensor, target: Target, weights: MannerWeights, group: int = 1
) -> dict[str, Tensor]:
    """Return the parts of the loss of paintings [batch, 3, h, w], every ``group`` of which are of one manner.

    ``seen`` are their views, ``wanted`` is the content that they shall keep.
    """
    return {
        "style": style_loss(grams_of(seen, group), target.grams) * weights.style,
        "content": content_loss(seen[_CONTENT_VIEW][_CONTENT_BLOCK], wanted) * weights.content,
        "palette": palette_loss(together(painted, group), *target.palette) * weights.palette,
        "smooth": total_variation(painted) * weights.smoothness,
        "range": overshoot(painted) * weights.range,
    }
