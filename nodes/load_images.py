"""Pictures from disk."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ganplugin.errors import FileError, InputError
from ganplugin.files import os_errors
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.values import Images, Masks, Origin, Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.images import Picture

STANDARD_INPUT = "-"

MaskSource = Literal["alpha", "brightness"]


class LoadImagesOutputs(NodeOutputs):
    """The pictures (with alpha where the file has it) and their masks."""

    images: Images = Field(description="the pictures, with alpha where the file has it")
    masks: Masks = Field(description="one mask a picture, made of what mask_from says")


class LoadImages(Node):
    """Read a picture, a folder of pictures or several of either; each is read when it is looked at."""

    id: ClassVar[str] = "GanPluginLoadImages"
    title: ClassVar[str] = "Load Images"
    version: ClassVar[str] = "1.1.0"
    Outputs: ClassVar[type[NodeOutputs]] = LoadImagesOutputs

    path: str = Field(
        min_length=1,
        description="a picture, folder or pattern such as *.jpg, one a line; - is standard input",
        json_schema_extra={"widget": "lines"},
    )
    mask_from: MaskSource = Field(
        default="alpha", description="masks are 1 where a picture is transparent (alpha), or white (brightness)"
    )

    def run(self, context: Context) -> LoadImagesOutputs:
        """Find the files; a missing file or an empty folder is an error here, before anything is rendered."""
        if self.path == STANDARD_INPUT:
            return self._outputs(_standard_input())
        return self._outputs(_FileShelf(found_files(self.path, context.folders.inputs)))

    def _outputs(self, shelf: _Shelf) -> LoadImagesOutputs:
        def origin(index: int) -> Origin:
            name = shelf.name(index)
            recipe = Recipe(self.id, (("path", name),))
            stem = "stdin" if name == STANDARD_INPUT else Path(name).stem
            return Origin(recipe, name=stem, inputs={name: shelf.digest(index)}, source=shelf.source(index))

        def mask_origin(index: int) -> Origin:
            return replace(origin(index), recipe=self._mask_recipe(origin(index).recipe))

        whole = Recipe(self.id, (("path", "\n".join(shelf.name(index) for index in range(len(shelf)))),))
        mask = _MASKS[self.mask_from]
        return LoadImagesOutputs(
            images=Images(
                len(shelf), lambda start, stop: [_pixels(shelf.picture(i)) for i in range(start, stop)], origin, whole
            ),
            masks=Masks(
                len(shelf),
                lambda start, stop: [mask(shelf.picture(i)) for i in range(start, stop)],
                mask_origin,
                self._mask_recipe(whole),
            ),
        )

    def _mask_recipe(self, pictures: Recipe) -> Recipe:
        return Recipe(self.id, (("mask_from", self.mask_from), *pictures.inputs), output=1)


class _FileShelf:
    """Pictures that lie on disk."""

    def __init__(self, files: tuple[tuple[Path, Path | None], ...]) -> None:
        self._files = tuple(file for file, _ in files)
        self._names = distinct_names(files)
        self._digests: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._files)

    def name(self, index: int) -> str:
        return self._names[index]

    def source(self, index: int) -> str:
        return str(self._files[index])

    def digest(self, index: int) -> str:
        from ganplugin.files import file_digest

        if index not in self._digests:
            self._digests[index] = file_digest(self._files[index])
        return self._digests[index]

    def picture(self, index: int) -> Picture:
        from ganplugin.images import read_picture

        picture = read_picture(self._files[index])
        self._digests[index] = picture.sha256  # of the very bytes that are rendered
        return picture


def distinct_names(files: tuple[tuple[Path, Path | None], ...]) -> tuple[str, ...]:
    """Name files for a recipe; those outside their input folder that share a name get their folder's before it."""
    from ganplugin.library import portable_name

    names = [portable_name(file, home) for file, home in files]
    places: dict[str, set[Path]] = {}
    for name, (file, _) in zip(names, files, strict=True):
        places.setdefault(name, set()).add(file.parent.resolve())
    return tuple(
        f"{file.parent.resolve().name}/{name}" if len(places[name]) > 1 else name
        for name, (file, _) in zip(names, files, strict=True)
    )


class _PipedShelf:
    """One picture that came through standard input."""

    def __init__(self, data: bytes) -> None:
        from ganplugin.images import decode_picture

        self._picture = decode_picture(data, "standard input")

    def __len__(self) -> int:
        return 1

    def name(self, index: int) -> str:
        return STANDARD_INPUT

    def source(self, index: int) -> str:
        return STANDARD_INPUT

    def digest(self, index: int) -> str:
        return self._picture.sha256

    def picture(self, index: int) -> Picture:
        return self._picture


_Shelf = _FileShelf | _PipedShelf


def found_files(text: str, folders: tuple[Path, ...]) -> tuple[tuple[Path, Path | None], ...]:
    """Return the pictures that lines of text name, each with the input folder that it was found in, if any.

    Raises `InputError` if there is no line, `FileError` if a line names nothing.
    """
    from ganplugin.images import list_pictures

    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise InputError("names no picture", where="path", fix="name a picture or a folder of pictures")
    places = [_place(line, folders) for line in lines]
    return tuple((file, home) for path, home in places for file in list_pictures(path))


def _place(line: str, folders: tuple[Path, ...]) -> tuple[Path, Path | None]:
    """Return the path or pattern on a line, and the input folder that it was found in, if any."""
    for folder in () if Path(line).is_absolute() else folders:
        path = _as_written(line, folder)
        with os_errors(path):
            if path.exists() or glob.glob(str(path)):  # noqa: PTH207 - as list_pictures reads patterns
                return path, folder
    return _as_written(line, Path()), None


def _as_written(line: str, folder: Path) -> Path:
    """Return the path on a line; spaces around it count only if there is such a file."""
    with os_errors(line):
        return folder / line if (folder / line).exists() else folder / line.strip()


def _standard_input() -> _PipedShelf:
    if sys.stdin is None:
        raise FileError("standard input is closed", where=STANDARD_INPUT, fix="name a file")
    return _PipedShelf(sys.stdin.buffer.read())


def _pixels(picture: Picture) -> NDArray[np.float32]:
    import numpy as np

    return picture.rgb if picture.alpha is None else np.concatenate([picture.rgb, picture.alpha[..., None]], axis=2)


def _transparency(picture: Picture) -> NDArray[np.float32]:
    import numpy as np

    if picture.alpha is None:
        return np.zeros((*picture.rgb.shape[:2], 1), np.float32)
    return (1 - picture.alpha)[..., None].astype(np.float32)


def _brightness(picture: Picture) -> NDArray[np.float32]:
    import numpy as np

    # The brightest channel, not a mean, gives the very values of a grey picture.
    return np.asarray(np.max(picture.rgb, axis=2, keepdims=True), np.float32)


_MASKS: dict[MaskSource, Callable[[Picture], NDArray[np.float32]]] = {
    "alpha": _transparency,
    "brightness": _brightness,
}
