"""Pictures to disk, each carrying how it was made."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.files import contained, is_reserved
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.destinations import free_path, holds
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.values import Images, Origin

_LONGEST_NAME = 120  # bytes, so that a template has room for more

_PLACE = re.compile(r"\{(name|index|seed)\}")

PictureFormat = Literal["png", "jpg", "webp"]


class SaveImagesOutputs(NodeOutputs):
    """The files that were written, in order."""

    paths: tuple[str, ...] = Field(description="the files, in the order of the pictures")


class SaveImages(Node):
    """Write every picture whole or not at all, with its provenance inside; existing files stay as they are."""

    id: ClassVar[str] = "GanPluginSaveImages"
    title: ClassVar[str] = "Save Images"
    writes: ClassVar[bool] = True
    unrecorded: ClassVar[frozenset[str]] = frozenset({"folder", "name", "overwrite"})
    Outputs: ClassVar[type[NodeOutputs]] = SaveImagesOutputs

    images: Images = Field(description="pictures to save")
    folder: str = Field(default="pictures", description="where to; - writes a single picture to standard output")
    name: str = Field(default="{name}", description="file name without suffix; may hold {name}, {index} and {seed}")
    format: PictureFormat = Field(default="png", description="png (lossless), webp (lossless) or jpg")
    overwrite: bool = Field(default=False, description="replace files that exist")

    def run(self, context: Context) -> SaveImagesOutputs:
        """Refuse before the first render if a file is in the way; then render and write picture after picture."""
        if self.folder == "-" and context.folders.outputs is None:
            self._write_to_standard_output(context)
            return SaveImagesOutputs(paths=("-",))
        paths, wanted = self.plan(context)
        if len(wanted) < len(paths):
            context.reporter.message(f"{len(paths) - len(wanted)} of {len(paths)} pictures are there already, as asked")
        from ganplugin.images import write_picture

        pictures = context.track(self.images.levels_at(wanted), "Rendering", len(wanted))
        for index, pixels in zip(wanted, pictures, strict=True):
            text = provenance_text(self.images.origin(index), self.format, context.text)
            write_picture(pixels, paths[index], text=text, overwrite=self.overwrite)
            context.reporter.preview(pixels)
        return SaveImagesOutputs(paths=tuple(str(path) for path in paths))

    def destinations(self, context: Context) -> tuple[Path, ...]:
        """Return the files of the pictures that are to be written."""
        paths, wanted = self.plan(context)
        return tuple(paths[index] for index in wanted)

    def plan(self, context: Context) -> tuple[tuple[Path, ...], tuple[int, ...]]:
        """Return the file of every picture, and the numbers of those that are to be written.

        Raises `InputError` for unsafe names, `FileError` if a file is in the way and may not be replaced.
        """
        folder = self._folder(context)
        stems = [file_stem(self.name, index, origin) for index, origin in enumerate(self.images.origins())]
        paths = [contained(folder, f"{stem}.{self.format}") for stem in distinct(stems)]
        wanted = tuple(index for index, path in enumerate(paths) if not self._is_there(path, index, context))
        planned = set(paths)
        for index in wanted:
            paths[index] = free_path(paths[index], context.existing, overwrite=self.overwrite, planned=planned)
            planned.add(paths[index])
        return tuple(paths), wanted

    def _is_there(self, path: Path, index: int, context: Context) -> bool:
        """Tell whether this very picture lies there already, where the host wants it kept."""
        if context.existing != "keep":
            return False
        return holds(path, lambda: provenance_text(self.images.origin(index), self.format, {}))

    def _folder(self, context: Context) -> Path:
        from ganplugin.images import PICTURE_SUFFIXES

        folder = context.folders.output(self.folder)
        if folder.suffix.lower() in PICTURE_SUFFIXES and not folder.is_dir():
            raise InputError(
                "is a picture's name, but a folder is needed",
                where=folder,
                fix=f"use --out {folder.parent} --name {folder.stem}",
            )
        return folder

    def _write_to_standard_output(self, context: Context) -> None:
        from ganplugin.images import encode_picture

        if sys.stdout.isatty():
            raise InputError("standard output is a terminal", where="-", fix="send it to a file: > picture.png")

        if len(self.images) != 1:
            raise InputError(
                f"{len(self.images)} pictures cannot go to standard output", where="-", fix="name a folder"
            )
        context.check()
        text = provenance_text(self.images.origin(0), self.format, context.text)
        sys.stdout.buffer.write(encode_picture(self.images.levels(0, 1)[0], f".{self.format}", text=text))
        sys.stdout.buffer.flush()


def save_together(requests: Sequence[SaveImages], context: Context) -> tuple[tuple[str, ...], ...]:
    """Save several sequences, all or, if a file of any of them is in the way, none; return what each wrote.

    Raises `InputError` if two of them would write the same file, or more than one goes to standard output.
    """
    if len(requests) > 1 and any(request.folder == "-" for request in requests):
        raise InputError("only one picture can go to standard output", where="-", fix="name a folder")
    if len(requests) > 1:
        planned = Counter(path for request in requests for path in request.plan(context)[0])
        twice = next((path for path, times in planned.items() if times > 1), None)
        if twice is not None:
            raise InputError("would be written twice", where=twice, fix="choose another --name")
    return tuple(request.run(context).paths for request in requests)


def file_stem(template: str, index: int, origin: Origin) -> str:
    """Fill in a file name's ``{name}``, ``{index}`` and ``{seed}``.

    Raises `InputError` for other braces, and for ``{seed}`` where a picture has none.
    """
    values = {"name": _safe(origin.name), "index": f"{index:05d}", "seed": origin.seed}

    def value(match: re.Match[str]) -> str:
        found = values[match[1]]
        if found is None:
            raise InputError("these pictures have no seed", where=repr(template), fix="use {name} or {index}")
        return str(found)

    if "{" in _PLACE.sub("", template) or "}" in _PLACE.sub("", template):
        raise InputError("is not a name template", where=repr(template), fix="use {name}, {index}, {seed}")
    return _PLACE.sub(value, template)


def distinct(stems: Iterable[str]) -> Iterator[str]:
    """Yield the names, each that was there before (in any case: some disks do not tell) with a number behind it."""
    taken: set[str] = set()
    repeats: Counter[str] = Counter()
    for stem in stems:
        unique = stem
        while unique.casefold() in taken:
            repeats[stem] += 1
            unique = f"{stem}-{repeats[stem] + 1}"
        taken.add(unique.casefold())
        yield unique


def _safe(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_. " else "-" for c in name)
    short = kept.encode()[:_LONGEST_NAME].decode(errors="ignore").lstrip("-").strip(" .") or "picture"
    return f"_{short}" if is_reserved(short) else short
