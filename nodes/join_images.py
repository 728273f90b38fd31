"""Two sequences of pictures, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import ClassVar, TypeVar

from pydantic import Field

from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.values import Images, Origin, RenderBoth

Picture = TypeVar("Picture")
Rendering = Callable[[int, int], Sequence[Picture]]


class JoinImagesOutputs(NodeOutputs):
    """All pictures of a, then all of b."""

    images: Images = Field(description="all pictures of a, then all of b")


class JoinImages(Node):
    """Put the pictures of ``b`` after those of ``a``; sizes may differ."""

    id: ClassVar[str] = "GanPluginJoinImages"
    title: ClassVar[str] = "Join Images"
    Outputs: ClassVar[type[NodeOutputs]] = JoinImagesOutputs

    a: Images = Field(description="pictures that come first")
    b: Images = Field(description="pictures that follow")

    def run(self, context: Context) -> JoinImagesOutputs:
        """Join the sequences; nothing is rendered yet."""
        seam = len(self.a)

        def origin(index: int) -> Origin:
            return self.a.origin(index) if index < seam else self.b.origin(index - seam)

        render, levels = _across(seam, self.a.render, self.b.render), _across(seam, self.a.levels, self.b.levels)
        count, chunk = seam + len(self.b), max(self.a.chunk, self.b.chunk)
        return JoinImagesOutputs(images=Images(count, RenderBoth(render, levels), origin, self.recipe(), chunk))


def _across(seam: int, a: Rendering[Picture], b: Rendering[Picture]) -> Rendering[Picture]:
    """Return what gives the pictures of ``a`` below the seam and those of ``b`` from there on."""

    def render(start: int, stop: int) -> list[Picture]:
        first = a(start, min(stop, seam)) if start < seam else ()
        second = b(max(start - seam, 0), stop - seam) if stop > seam else ()
        return [*first, *second]

    return render


def join(parts: Sequence[Images], context: Context) -> Images:
    """Return one or more sequences as one, as a chain of `JoinImages`."""
    return reduce(lambda a, b: JoinImages(a=a, b=b).run(context).images, parts)
