"""Pictures to a film, streamed frame by frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.values import Images


class SaveVideoOutputs(NodeOutputs):
    """The film that was written."""

    path: str


class SaveVideo(Node):
    """Write a film whole or not at all; only the frame at hand is in memory."""

    id: ClassVar[str] = "GanPluginSaveVideo"
    title: ClassVar[str] = "Save Video"
    unrecorded: ClassVar[frozenset[str]] = frozenset({"path", "overwrite"})
    Outputs: ClassVar[type[NodeOutputs]] = SaveVideoOutputs

    images: Images = Field(description="frames of one size")
    path: str = Field(default="walk.webp", min_length=1, description="the film; .mp4 and .webm need ganplugin[video]")
    fps: float = Field(default=30.0, ge=1.0, le=240.0, description="frames a second")
    overwrite: bool = Field(default=False, description="replace a file that exists")
    scale: int = Field(default=1, ge=1, le=16, description="enlarge small frames so many times for players")

    def run(self, context: Context) -> SaveVideoOutputs:
        """Render and encode frame after frame."""
        import numpy as np

        from ganplugin.images import resize, to_uint8, with_channels
        from ganplugin.video import VideoWriter

        if not len(self.images):
            raise InputError("there are no frames", where="images", fix="make at least one picture")
        path = Path(self.path)
        height, width = (side * self.scale for side in self.images[0].shape[:2])
        origin = replace(self.images.origin(0), recipe=self.recipe(), index=0)
        text = provenance_text(origin, path.suffix.lstrip(".").lower())
        with VideoWriter(path, width, height, self.fps, text=text, overwrite=self.overwrite) as film:
            for picture in context.track(self.images, "Filming", len(self.images)):
                frame = with_channels(picture, "RGB")
                if frame.shape[:2] != (height, width):
                    frame = resize(frame, width, height)
                film.add(np.ascontiguousarray(to_uint8(frame)))
                context.reporter.preview(picture)
        return SaveVideoOutputs(path=str(path))
