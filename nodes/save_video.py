"""Pictures to a film, streamed frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.destinations import free_path, holds
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.values import Images, joined_origin


class SaveVideoOutputs(NodeOutputs):
    """The film that was written."""

    path: str = Field(description="the film that was written")


class SaveVideo(Node):
    """Write a film whole or not at all; only the frame at hand is in memory."""

    id: ClassVar[str] = "GanPluginSaveVideo"
    title: ClassVar[str] = "Save Video"
    writes: ClassVar[bool] = True
    unrecorded: ClassVar[frozenset[str]] = frozenset({"path", "overwrite"})
    Outputs: ClassVar[type[NodeOutputs]] = SaveVideoOutputs

    images: Images = Field(description="frames of one size")
    path: str = Field(default="walk.webp", min_length=1, description="the film; .mp4 and .webm need ganplugin[video]")
    fps: float = Field(default=30.0, ge=1.0, le=240.0, description="frames a second")
    overwrite: bool = Field(default=False, description="replace a file that exists")
    scale: int = Field(default=1, ge=1, le=16, description="enlarge small frames so many times for players")

    def run(self, context: Context) -> SaveVideoOutputs:
        """Refuse before the first render if a file is in the way; then render and encode frame after frame."""
        places = self.destinations(context)
        if not places:
            context.reporter.message(f"{self.path} is there already, as asked")
        for path in places:
            self.write(path, self._text(context), context)
        return SaveVideoOutputs(path=str(*places or (context.folders.output(self.path),)))

    def destinations(self, context: Context) -> tuple[Path, ...]:
        """Return the file, or nothing if this very film lies there already and the host wants it kept.

        Raises `InputError` for what is no film, and if there are no frames.
        """
        path = context.folders.output(self.path)
        self._check(path)
        if context.existing == "keep" and holds(path, lambda: self._text(context)):
            return ()
        return (free_path(path, context.existing, overwrite=self.overwrite),)

    def _text(self, context: Context) -> dict[str, str]:
        origin = joined_origin(self.images.origins(), self.recipe(), "film")
        return provenance_text(origin, Path(self.path).suffix.lstrip(".").lower(), context.text)

    def _check(self, path: Path) -> None:
        from ganplugin.video import check_film

        if not len(self.images):
            raise InputError("there are no frames", where="images", fix="make at least one picture")
        check_film(path)

    def write(self, path: Path, text: Mapping[str, str], context: Context) -> None:
        """Render the frames into ``path`` with this text as its metadata."""
        from ganplugin.images import to_uint8
        from ganplugin.sizing import resize, with_channels
        from ganplugin.video import VideoWriter

        self._check(path)
        size = self.images[0].shape[:2]
        height, width = (side * self.scale for side in size)
        with VideoWriter(path, width, height, self.fps, text=text, overwrite=self.overwrite) as film:
            for picture in context.track(self.images, "Filming", len(self.images)):
                if picture.shape[:2] != size:
                    raise InputError("the pictures differ in size", where="images", fix="resize them to one size")
                film.add(to_uint8(resize(with_channels(picture, "RGB"), width, height)))
                context.reporter.preview(picture)
