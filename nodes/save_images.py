"""Pictures to disk, each carrying how it was made."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.files import contained, existing
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.values import Images, Origin

PictureFormat = Literal["png", "jpg", "webp"]


class SaveImagesOutputs(NodeOutputs):
    """The files that were written, in order."""

    paths: tuple[str, ...]


class SaveImages(Node):
    """Write every picture whole or not at all, with its provenance inside; existing files stay as they are."""

    id: ClassVar[str] = "GanPluginSaveImages"
    title: ClassVar[str] = "Save Images"
    unrecorded: ClassVar[frozenset[str]] = frozenset({"folder", "name", "overwrite"})
    Outputs: ClassVar[type[NodeOutputs]] = SaveImagesOutputs

    images: Images = Field(description="pictures to save")
    folder: str = Field(default="pictures", description="where to; - writes a single picture to standard output")
    name: str = Field(default="{name}", description="file name without suffix; may hold {name}, {index} and {seed}")
    format: PictureFormat = Field(default="png", description="png (lossless), webp (lossless) or jpg")
    overwrite: bool = Field(default=False, description="replace files that exist")

    def run(self, context: Context) -> SaveImagesOutputs:
        """Refuse before the first render if a file is in the way; then render and write picture after picture."""
        if self.folder == "-":
            self._write_to_standard_output(context)
            return SaveImagesOutputs(paths=("-",))
        paths = self._paths()
        if not self.overwrite:
            existing(paths)
        from ganplugin.images import write_picture

        for index, pixels in enumerate(context.track(self.images, "Rendering", len(self.images))):
            text = provenance_text(self.images.origin(index), self.format)
            write_picture(pixels, paths[index], text=text, overwrite=self.overwrite)
            context.reporter.preview(pixels)
        return SaveImagesOutputs(paths=tuple(str(path) for path in paths))

    def _paths(self) -> tuple[Path, ...]:
        taken: Counter[str] = Counter()
        paths = []
        for index in range(len(self.images)):
            stem = self._stem(index, self.images.origin(index))
            taken[stem] += 1
            unique = stem if taken[stem] == 1 else f"{stem}-{taken[stem]}"
            paths.append(contained(Path(self.folder), f"{unique}.{self.format}"))
        return tuple(paths)

    def _stem(self, index: int, origin: Origin) -> str:
        try:
            return self.name.format(name=_safe(origin.name), index=f"{index:05d}", seed=origin.seed)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise InputError(
                "is not a name template", where=repr(self.name), fix="use {name}, {index}, {seed}"
            ) from error

    def _write_to_standard_output(self, context: Context) -> None:
        from ganplugin.images import encode_picture

        if len(self.images) != 1:
            raise InputError(
                f"{len(self.images)} pictures cannot go to standard output", where="-", fix="name a folder"
            )
        context.check()
        text = provenance_text(self.images.origin(0), self.format)
        sys.stdout.buffer.write(encode_picture(self.images[0], f".{self.format}", text=text))
        sys.stdout.buffer.flush()


def _safe(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_. " else "-" for c in name).strip(" .")
    return kept[:120] or "picture"
