"""Pictures at another size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.values import Images, Origin
from ganplugin.provenance import Enlarge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ResizeOutputs(NodeOutputs):
    """The pictures, resized."""

    images: Images = Field(description="the pictures, each in its own proportions")


class Resize(Node):
    """Bring pictures to one longer side, each in its own proportions: smoothly, or with every pixel as a square."""

    id: ClassVar[str] = "GanPluginResize"
    title: ClassVar[str] = "Resize"
    each: ClassVar[str] = "images"
    Outputs: ClassVar[type[NodeOutputs]] = ResizeOutputs

    images: Images = Field(description="pictures of any size; alpha is kept")
    side: int = Field(default=512, ge=1, le=16384, description="longer side in pixels")
    enlarge: Enlarge = Field(default="smooth", description="how small pictures grow: smooth, or pixels as squares")

    def run(self, context: Context) -> ResizeOutputs:
        """Resize pictures as they are looked at."""

        def render(start: int, stop: int) -> list[NDArray[np.float32]]:
            return [self._resized(picture) for picture in self.images.render(start, stop)]

        def origin(index: int) -> Origin:
            content = self.images.origin(index)
            return replace(content, recipe=self.recipe(images=content.recipe))

        return ResizeOutputs(images=Images(len(self.images), render, origin, self.recipe(), self.images.chunk))

    def _resized(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        from ganplugin.sizing import longer_side, resize, resize_squares

        width, height = longer_side(picture.shape[1], picture.shape[0], self.side)
        squares = self.enlarge == "pixels" and self.side > max(picture.shape[:2])
        return (resize_squares if squares else resize)(picture, width, height)
