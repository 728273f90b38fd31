"""The frames of a film."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.errors import FileError, InputError
from ganplugin.files import file_digest, os_errors
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.values import Images, Origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.film_reader import FilmReader

__all__ = ["LoadVideo", "found_film"]


class LoadVideoOutputs(NodeOutputs):
    """The frames, how many of them a second has, and where their sound is."""

    images: Images = Field(description="the frames, RGB, upright, read when they are looked at")
    fps: float = Field(description="frames a second, for Save Video")
    audio: str = Field(description="the film's sound from the first frame on, for Save Video; empty if it has none")


class LoadVideo(Node):
    """Read a film or an animated picture frame by frame, at a constant rate, with few frames in memory."""

    id: ClassVar[str] = "GanPluginLoadVideo"
    title: ClassVar[str] = "Load Video"
    Outputs: ClassVar[type[NodeOutputs]] = LoadVideoOutputs

    path: str = Field(
        min_length=1, description="a film (MP4, MOV, MKV, WebM … need ganplugin[video]) or animated GIF, WebP or PNG"
    )
    first: int = Field(default=0, ge=0, le=99999, description="the first frame to read, counted from 0")
    last: int = Field(default=-1, ge=-1, le=99999, description="the last frame to read; -1: to the end")
    every: int = Field(default=1, ge=1, le=1000, description="read one of so many frames, for a quick try")

    def run(self, context: Context) -> LoadVideoOutputs:
        """Open the film and count its frames; what is special about it is said to the user."""
        from ganplugin.film_reader import open_film
        from ganplugin.images import from_uint8
        from ganplugin.library import portable_name
        from ganplugin.soundtrack import Sound

        path, home = found_film(self.path, context.folders.inputs)
        reader = open_film(path)
        for note in reader.notes:
            context.reporter.message(note)
        numbers = self._numbers(reader)
        name, digest = portable_name(path, home), cache(lambda: file_digest(path))
        recipe = self.recipe(path=name)

        def render(start: int, stop: int) -> list[NDArray[np.float32]]:
            return [from_uint8(reader.frame(number)) for number in numbers[start:stop]]

        def origin(index: int) -> Origin:
            title = f"{path.stem}-{numbers[index]:06}"
            return Origin(recipe, index, title, inputs={name: digest()}, source=str(path))

        sound = Sound(path, start=round(float(numbers.start / reader.rate), 6))
        return LoadVideoOutputs(
            images=Images(len(numbers), render, origin, recipe),
            fps=float(reader.rate / self.every),
            audio=sound.named(str(path)) if reader.has_sound else "",
        )

    def _numbers(self, reader: FilmReader) -> range:
        last = len(reader) - 1 if self.last < 0 else min(self.last, len(reader) - 1)
        if self.first > last:
            raise InputError(
                f"there is no frame from {self.first} to {self.last if self.last >= 0 else 'the end'}",
                where="first",
                fix=f"it has {len(reader)} frames, 0 to {len(reader) - 1}",
            )
        return range(self.first, last + 1, self.every)


def found_film(text: str, folders: tuple[Path, ...]) -> tuple[Path, Path | None]:
    """Return the film or sound file of a name, and the input folder that it was found in, if any.

    Raises `FileError` if there is none.
    """
    for folder in () if Path(text).is_absolute() else folders:
        with os_errors(text):
            if (folder / text).is_file():
                return folder / text, folder
    with os_errors(text):
        if not Path(text).is_file():
            raise FileError("there is no such file", where=text, fix="check the path")
    return Path(text), None
