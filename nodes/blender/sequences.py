"""Sequences of frames on disk, numbered as Blender numbers them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ganplugin.errors import FileError, GanPluginError, InputError
from ganplugin.files import contained, os_errors
from ganplugin.nodes.context import Context
from ganplugin.nodes.destinations import holds
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.values import Images

__all__ = ["write_sequence"]


def write_sequence(images: Images, name: str, context: Context) -> tuple[Path, ...]:
    """Write pictures as ``name/name_00001.png`` … below the output folder and return the files.

    Frame 1 is the first, as the timeline starts there. A frame that lies there already, made in the very same way, is
    kept, so that a render that was stopped goes on; other frames of ours are replaced, and those beyond the last are
    removed. Raises `InputError` for an unsafe name and `FileError` if a file that is not ours is in the way.
    """
    from ganplugin.images import write_picture

    if "/" in name:
        raise InputError("is a path, but a name is needed", where=repr(name), fix="set the folder of the tree")
    folder = contained(context.folders.output(""), name)
    files = tuple(folder / f"{name}_{number:05d}.png" for number in range(1, len(images) + 1))
    wanted = [index for index, file in enumerate(files) if not holds(file, partial(_text, images, index, context))]
    for index in wanted:
        if files[index].exists() and not _is_ours(files[index]):
            raise FileError("is no frame of ours", where=files[index], fix="move it, or give the sequence another name")
    for index, pixels in zip(wanted, context.track(images.levels_at(wanted), name, len(wanted)), strict=True):
        write_picture(pixels, files[index], text=_text(images, index, context), overwrite=True)
    for file in _beyond(folder, name, len(files)):
        with os_errors(file):
            file.unlink()
    return files


def _text(images: Images, index: int, context: Context) -> dict[str, str]:
    return provenance_text(images.origin(index), "png", context.text)


def _is_ours(file: Path) -> bool:
    from ganplugin.images import read_text
    from ganplugin.provenance import TEXT_KEY

    try:
        return TEXT_KEY in read_text(file)
    except GanPluginError:
        return False


def _beyond(folder: Path, name: str, last: int) -> Iterator[Path]:
    """Yield the frames of ours after the last one, left by a longer render."""
    pattern = re.compile(re.escape(name) + r"_([0-9]{5,})\.png")
    for file in sorted(folder.iterdir()):
        found = pattern.fullmatch(file.name)
        if found and int(found[1]) > last and _is_ours(file):
            yield file
