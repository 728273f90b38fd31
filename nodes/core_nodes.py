"""ComfyUI's own nodes for files, as far as a graph of ours needs them to give the same pictures headless."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.errors import FileError
from ganplugin.files import contained, os_errors
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context, Folders
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.values import Images, Masks, Origin, Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Levels", "LoadImage", "PreviewImage", "SaveImage"]

_NO_ALPHA = (64, 64)
"""The size of the mask of 0 that ComfyUI gives for a picture without alpha."""

_BATCH = "%batch_num%"
"""Where ComfyUI puts the number of a picture within its batch."""


class LoadImageOutputs(NodeOutputs):
    """The frames of the file without their alpha, and 1 minus their alpha."""

    images: Images
    masks: Masks


class LoadImage(Node):
    """Read a picture as ComfyUI's node does: RGB of every frame, and a mask that is 1 where transparent."""

    id: ClassVar[str] = "LoadImage"
    title: ClassVar[str] = "Load Image"
    unrecorded: ClassVar[frozenset[str]] = frozenset({"upload"})
    Outputs: ClassVar[type[NodeOutputs]] = LoadImageOutputs

    image: str = Field(min_length=1, description="name of a file in an input folder, or its path")
    upload: str = Field(default="image", description="what the window's upload button leaves behind; not looked at")

    def run(self, context: Context) -> LoadImageOutputs:
        """Read the file."""
        import hashlib

        from ganplugin.images import decode_frames, from_uint8, read_bytes
        from ganplugin.library import portable_name

        path, home = found_picture(self.image, context.folders)
        data = read_bytes(path)
        frames = decode_frames(data, str(path))
        name, digest = portable_name(path, home), hashlib.sha256(data).hexdigest()

        def pixels(start: int, stop: int) -> list[NDArray[np.float32]]:
            return [from_uint8(rgb) for rgb, _ in frames[start:stop]]

        def masks(start: int, stop: int) -> list[NDArray[np.float32]]:
            return [_mask(alpha) for _, alpha in frames[start:stop]]

        def origin(output: int, index: int) -> Origin:
            recipe = Recipe(self.id, (("image", name),), output)
            return Origin(recipe, index, Path(name).stem, inputs={name: digest}, source=str(path))

        count = len(frames)
        return LoadImageOutputs(
            images=Images(count, pixels, lambda index: origin(0, index), origin(0, 0).recipe),
            masks=Masks(count, masks, lambda index: origin(1, index), origin(1, 0).recipe),
        )


def found_picture(text: str, folders: Folders) -> tuple[Path, Path | None]:
    """Return the picture that a text names, and the input folder that it was found in, if any.

    Raises `FileError` if there is none.
    """
    # ComfyUI writes the folder behind the name: "photo.png [input]".
    name = re.sub(r" \[(input|output|temp)\]$", "", text)
    with os_errors(text):
        for folder in folders.inputs:
            if (folder / name).is_file():
                return folder / name, folder
        if Path(name).is_file():
            return Path(name), None
    raise FileError("no such picture", where=text, fix="name its folder with --inputs FOLDER")


def _mask(alpha: NDArray[np.uint8] | None) -> NDArray[np.float32]:
    import numpy as np

    from ganplugin.images import from_uint8

    return np.zeros((*_NO_ALPHA, 1), np.float32) if alpha is None else (1 - from_uint8(alpha))[..., None]


class LevelsOutputs(NodeOutputs):
    """The pictures, each value one of 256 levels."""

    images: Images


class Levels(Node):
    """Bring pictures to 256 levels as ComfyUI does when it saves them: downwards, not to the nearest."""

    id: ClassVar[str] = "GanPluginLevels"
    title: ClassVar[str] = "Levels"
    Outputs: ClassVar[type[NodeOutputs]] = LevelsOutputs

    images: Images = Field(description="pictures that ComfyUI would save")

    def run(self, context: Context) -> LevelsOutputs:
        """Bring every picture to levels when it is looked at."""

        def render(start: int, stop: int) -> list[NDArray[np.float32]]:
            return [_floored(picture) for picture in self.images.render(start, stop)]

        def origin(index: int) -> Origin:
            made_from = self.images.origin(index)
            return replace(made_from, recipe=self.recipe(images=made_from.recipe))

        return LevelsOutputs(
            images=Images(len(self.images), render, origin, self.recipe(), self.images.chunk),
        )


def _floored(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    from ganplugin.images import from_uint8, refuse_nan

    refuse_nan(picture)
    return from_uint8(np.clip(picture * np.float32(255), 0, 255).astype(np.uint8))


class SaveImageOutputs(NodeOutputs):
    """The files that were written, in order; in ComfyUI itself the node has no outputs."""

    paths: tuple[str, ...]


class SaveImage(Node):
    """Write PNG files as ComfyUI's node of this name does, numbered behind what is there, with their recipe inside."""

    id: ClassVar[str] = "SaveImage"
    title: ClassVar[str] = "Save Image"
    writes: ClassVar[bool] = True
    Outputs: ClassVar[type[NodeOutputs]] = SaveImageOutputs

    images: Images = Field(description="pictures to save")
    filename_prefix: str = Field(
        default="ComfyUI", min_length=1, description="beginning of the name, with a folder if you like"
    )

    def run(self, context: Context) -> SaveImageOutputs:
        """Render and write picture after picture."""
        return SaveImageOutputs(paths=_write_numbered(self.images, self.filename_prefix, context))

    def destinations(self, context: Context) -> tuple[Path, ...]:
        """Return nothing, as nothing can be in the way. Raises `InputError` for names outside of the outputs."""
        _place(self.filename_prefix, 0, 0, context)
        return ()


class PreviewImage(Node):
    """Show pictures: in a host on the node, headless as PNG files in the folder ``temp`` of the outputs."""

    id: ClassVar[str] = "PreviewImage"
    title: ClassVar[str] = "Preview Image"
    writes: ClassVar[bool] = True
    Outputs: ClassVar[type[NodeOutputs]] = SaveImageOutputs

    images: Images = Field(description="pictures to look at")

    def run(self, context: Context) -> SaveImageOutputs:
        """Render and write picture after picture."""
        return SaveImageOutputs(paths=_write_numbered(self.images, "temp/preview", context))


def _write_numbered(images: Images, prefix: str, context: Context) -> tuple[str, ...]:
    from ganplugin.images import write_picture

    levels = Levels(images=images).run(context).images
    if not len(levels):
        return ()
    height, width = levels[0].shape[:2] if "%" in prefix else (0, 0)
    folder, stem = _place(prefix, width, height, context)
    number = _next_number(folder, stem)
    paths: list[str] = []
    for index, picture in enumerate(context.track(levels, "Rendering", len(levels))):
        name = f"{stem.replace(_BATCH, str(index))}_{number + index:05}_.png"
        text = provenance_text(levels.origin(index), "png", context.text)
        paths.append(str(contained(folder, name)))
        write_picture(picture, Path(paths[-1]), text=text)
        context.reporter.preview(picture)
    return tuple(paths)


def _place(prefix: str, width: int, height: int, context: Context) -> tuple[Path, str]:
    """Return the folder and the beginning of the name, its marks filled in but for that of the picture's number.

    Raises `InputError` if it would lie outside the outputs.
    """
    now = time.strftime("%Y %m %d %H %M %S").split()
    words = ("year", "month", "day", "hour", "minute", "second")
    values = {"width": str(width), "height": str(height), **dict(zip(words, now, strict=True))}
    for word, value in values.items():
        prefix = prefix.replace(f"%{word}%", value)
    path = PurePosixPath(prefix.replace("\\", "/"))
    folder = context.folders.output(str(path.parent))
    contained(folder, f"{path.name}_00001_.png")
    return folder, path.name


def _next_number(folder: Path, stem: str) -> int:
    """Return the number behind the highest one that is there, as ComfyUI counts."""
    pattern = re.compile(re.escape(stem).replace(_BATCH, r"\d+") + r"_(\d+)(_|$)", re.IGNORECASE)
    with os_errors(folder):
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return max((int(found[1]) for name in names if (found := pattern.match(name))), default=0) + 1
