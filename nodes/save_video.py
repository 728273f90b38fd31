"""Pictures to a film, streamed frame by frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.destinations import free_path, holds
from ganplugin.nodes.load_video import found_film
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.values import Images, Origin, joined_origin
from ganplugin.provenance import TEXT_KEY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.soundtrack import Sound


class SaveVideoOutputs(NodeOutputs):
    """The film that was written."""

    path: str = Field(description="the film that was written")


class SaveVideo(Node):
    """Write a film whole or not at all; only the frame at hand is in memory."""

    id: ClassVar[str] = "GanPluginSaveVideo"
    title: ClassVar[str] = "Save Video"
    writes: ClassVar[bool] = True
    unrecorded: ClassVar[frozenset[str]] = frozenset({"path", "overwrite", "restart"})
    Outputs: ClassVar[type[NodeOutputs]] = SaveVideoOutputs

    images: Images = Field(description="frames of one size")
    path: str = Field(default="walk.webp", min_length=1, description="the film; .mp4 and .webm need ganplugin[video]")
    fps: float = Field(default=30.0, ge=1.0, le=240.0, description="frames a second")
    overwrite: bool = Field(default=False, description="replace a file that exists")
    scale: int = Field(default=1, ge=1, le=16, description="enlarge small frames so many times for players")
    audio: str = Field(
        default="", description="a film or sound file whose sound goes under the frames; file.mp3#t=2.5 begins there"
    )
    part: int = Field(
        default=0,
        ge=0,
        le=100000,
        description="frames in each part that a stopped film goes on from (kept beside it until it is whole); 0: none",
    )
    restart: bool = Field(default=False, description="throw away the parts of another film that are in the way")

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
        self._sound(path, context)
        if context.existing == "keep" and holds(path, lambda: self._text(context)):
            return ()
        return (free_path(path, context.existing, overwrite=self.overwrite),)

    def _text(self, context: Context) -> dict[str, str]:
        origin = joined_origin(self.images.origins(), self.recipe(), "film")
        if self.audio:
            origin = self._with_sound(origin, context)
        return provenance_text(origin, Path(self.path).suffix.lstrip(".").lower(), context.text)

    def _with_sound(self, origin: Origin, context: Context) -> Origin:
        from ganplugin.files import file_digest
        from ganplugin.library import portable_name
        from ganplugin.soundtrack import Sound

        sound = Sound.parse(self.audio)
        path, home = found_film(str(sound.path), context.folders.inputs)
        name = portable_name(path, home)
        inputs = {**origin.inputs, name: file_digest(path)}
        return replace(origin, recipe=self.recipe(audio=sound.named(name)), inputs=inputs)

    def _sound(self, path: Path, context: Context) -> Sound | None:
        from ganplugin.soundtrack import Sound, check_sound

        if not self.audio:
            return None
        sound = Sound.parse(self.audio)
        sound = replace(sound, path=found_film(str(sound.path), context.folders.inputs)[0])
        check_sound(sound, path.suffix)
        return sound

    def _check(self, path: Path) -> None:
        from ganplugin.video import check_film

        if not len(self.images):
            raise InputError("there are no frames", where="images", fix="make at least one picture")
        check_film(path)

    def write(self, path: Path, text: Mapping[str, str], context: Context) -> None:
        """Render the frames into ``path`` with this text as its metadata."""
        from ganplugin.video import FILM_SUFFIXES, VideoWriter

        self._check(path)
        sound, size = self._sound(path, context), self.images[0].shape[:2]
        if self.part and path.suffix.lower() in FILM_SUFFIXES:
            self._write_parts(path, text, sound, size, context)
            return
        height, width = (side * self.scale for side in size)
        with VideoWriter(path, width, height, self.fps, text=text, overwrite=self.overwrite, sound=sound) as film:
            for picture in context.track(self.images, "Filming", len(self.images)):
                film.add(self._levels(picture, size))
                context.reporter.preview(picture)

    def _write_parts(
        self, path: Path, text: Mapping[str, str], sound: Sound | None, size: tuple[int, ...], context: Context
    ) -> None:
        from ganplugin.film_parts import FilmParts
        from ganplugin.video import frame_rate

        whole = size[0] * self.scale, size[1] * self.scale
        recipe = json.loads(text[TEXT_KEY])
        parts = FilmParts(path, whole, frame_rate(self.fps), len(self.images), self.part, recipe)
        missing = parts.begin(restart=self.restart)
        if len(missing) < parts.count:
            there = parts.count - len(missing)
            context.reporter.message(f"{path.name} goes on: {there} of its {parts.count} parts are there")
        with context.reporter.task("Filming", len(self.images)) as report:
            for number in missing:
                report(parts.span(number)[0])
                parts.write(number, self._frames(parts.span(number), size, context, report))
        parts.join(text, sound, overwrite=self.overwrite)

    def _frames(
        self, span: tuple[int, int], size: tuple[int, ...], context: Context, report: Callable[[int], None]
    ) -> Iterator[NDArray[np.uint8]]:
        for index in range(*span):
            context.check()
            picture = self.images[index]
            yield self._levels(picture, size)
            context.reporter.preview(picture)
            report(index + 1)
        context.check()

    def _levels(self, picture: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.uint8]:
        from ganplugin.images import to_uint8
        from ganplugin.sizing import resize, with_channels

        if picture.shape[:2] != size:
            raise InputError("the pictures differ in size", where="images", fix="resize them to one size")
        height, width = (side * self.scale for side in size)
        return to_uint8(resize(with_channels(picture, "RGB"), width, height))
