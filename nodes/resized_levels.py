"""Pictures resized after they were rendered, as files of another size hold them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ganplugin.nodes.values import Images, RenderBoth
from ganplugin.provenance import Enlarge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["resized_levels"]


def resized_levels(images: Images, side: int, enlarge: Enlarge) -> Images:
    """Return the pictures with their longer side at ``side`` pixels, resized as levels; 0 leaves them as they are."""
    if side == 0:
        return images
    resized = _Resized(images, side, enlarge)
    return replace(images, render=RenderBoth(resized.pictures, resized.levels))


@dataclass(frozen=True, eq=False)
class _Resized:
    images: Images
    side: int
    enlarge: Enlarge

    def pictures(self, start: int, stop: int) -> list[NDArray[np.float32]]:
        from ganplugin.levels import from_uint8

        return [from_uint8(picture) for picture in self.levels(start, stop)]

    def levels(self, start: int, stop: int) -> list[NDArray[np.uint8]]:
        from ganplugin.sizing import resize_levels

        return [resize_levels(picture, self.side, self.enlarge) for picture in self.images.levels(start, stop)]
