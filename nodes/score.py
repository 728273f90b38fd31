"""Pictures judged by a discriminator, best first."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.limits import MAX_SEEDS
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.synthesis import class_vector
from ganplugin.nodes.values import Images, LoadedModel, Origin, RenderBoth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.manifest import Manifest


class ScoreOutputs(NodeOutputs):
    """The pictures, best first, and their scores in the same order."""

    images: Images = Field(description="the pictures, best first")
    scores: tuple[float, ...] = Field(description="their scores, in the same order; higher is more real")


class Score(Node):
    """Rank pictures by how real a discriminator finds them; scores compare pictures under one model only."""

    id: ClassVar[str] = "GanPluginScore"
    title: ClassVar[str] = "Score"
    Outputs: ClassVar[type[NodeOutputs]] = ScoreOutputs

    model: LoadedModel = Field(description="a scorer")
    images: Images = Field(description="pictures of any size; they are resized to the scorer's for judging only")

    keep: int = Field(default=0, ge=0, le=MAX_SEEDS, description="give back only so many of the best; 0 means all")
    label: str = Field(default="", description="class name or number, for scorers that judge within a class")

    def run(self, context: Context) -> ScoreOutputs:
        """Look at every picture once, keeping only its score."""
        self.model.require("scorer")
        session = self.model.session
        label = class_vector(session.manifest.classes, self.label, context)
        tracked = context.track(self.images, "Scoring", len(self.images))
        scores = [float(session.score(fitted(picture, session.manifest)[None], label=label)[0]) for picture in tracked]
        order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[: self.keep or None]

        def render(start: int, stop: int) -> list[NDArray[np.float32]]:
            return [self.images[index] for index in order[start:stop]]

        def levels(start: int, stop: int) -> list[NDArray[np.uint8]]:
            return list(self.images.levels_at(order[start:stop]))

        @cache
        def judged() -> dict[str, str]:
            return {name: digest for i in range(len(scores)) for name, digest in self.images.origin(i).inputs.items()}

        def origin(index: int) -> Origin:
            # The scorer and all that it judged decide the order, so whoever records this sequence needs them too.
            return replace(self.images.origin(order[index]).beside(self.model), inputs=judged())

        ranked = Images(len(order), RenderBoth(render, levels), origin, self.recipe())
        return ScoreOutputs(images=ranked, scores=tuple(scores[index] for index in order))


def fitted(picture: NDArray[np.float32], manifest: Manifest) -> NDArray[np.float32]:
    """Return a picture, float32 [h, w, c], at the size and with the channels that a scorer judges."""
    from ganplugin.sizing import resize, with_channels

    height, width = manifest.height or picture.shape[0], manifest.width or picture.shape[1]
    sized = picture if picture.shape[:2] == (height, width) else resize(picture, width, height)
    return with_channels(sized, manifest.channels)
