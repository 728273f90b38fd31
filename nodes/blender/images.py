"""From pictures to Blender's images and back. Called from Blender's own thread alone."""

from __future__ import annotations

from pathlib import Path

import bpy

from ganplugin.errors import InputError
from ganplugin.nodes.blender.pixels import picture_of
from ganplugin.nodes.blender.work import Picture, Sequence
from ganplugin.nodes.save_images import file_stem
from ganplugin.nodes.values import Origin, Recipe

__all__ = ["export_image", "show_picture", "show_sequence"]


def export_image(image: bpy.types.Image | None, folder: Path, *, where: str) -> Path:
    """Write an image as a PNG that nodes can load, named after it, and return the file.

    Raises `InputError` if there is no image or if it has no pixels.
    """
    import numpy as np

    from ganplugin.images import write_picture

    if image is None:
        raise InputError("has no image", where=where, fix="choose one")
    values = np.empty(len(image.pixels), np.float32)
    if not values.size:
        raise InputError(f"{image.name!r} has no pixels", where=where, fix="load its file again, or save it first")
    image.pixels.foreach_get(values)
    width, height = image.size
    picture = picture_of(values.reshape(height, width, image.channels), linear=image.is_float)
    path = folder / f"{file_stem('{name}', 0, Origin(Recipe(''), name=Path(image.name).stem))}.png"
    write_picture(picture, path, text={})
    return path


def show_picture(node: bpy.types.Node, picture: Picture) -> None:
    """Put a picture into the image that a node made for it before, or into a new one.

    The image holds the PNG itself, so that it has the very levels, and the recipe, of the file of a headless run, and
    goes with the .blend.
    """
    image = _image(node, picture.index, picture.name)
    image.pack(data=picture.data, data_len=len(picture.data))
    image.source = "FILE"
    _refresh(image)
    node.frames = 0
    if picture.last:
        _forget_beyond(node, picture.index + 1)


def show_sequence(node: bpy.types.Node, sequence: Sequence) -> None:
    """Point the image of a node at the frames of a sequence."""
    image = _image(node, 0, sequence.first.parent.name)
    while image.packed_files:
        image.unpack(method="REMOVE")
    image.source = "SEQUENCE"
    image.filepath = _portable(sequence.first)
    _refresh(image)
    node.frames = sequence.frames
    _forget_beyond(node, 1)


def _image(node: bpy.types.Node, index: int, name: str) -> bpy.types.Image:
    while len(node.rendered) <= index:
        node.rendered.add()
    made = node.rendered[index]
    if made.image is None:
        made.image = bpy.data.images.new(name, 1, 1)
        made.image.use_fake_user = True
    elif made.image.name == made.name:  # not renamed by the user
        made.image.name = name
    made.name = made.image.name
    return made.image


def _refresh(image: bpy.types.Image) -> None:
    # Not reload(), which looks for a file first.
    image.buffers_free()
    image.update_tag()


def _forget_beyond(node: bpy.types.Node, count: int) -> None:
    """Let go of the images of a longer render; they stay in the .blend while something uses them."""
    while len(node.rendered) > count:
        surplus = node.rendered[count].image
        node.rendered.remove(count)
        if surplus is not None:
            surplus.use_fake_user = False


def _portable(path: Path) -> str:
    """Return a path relative to the .blend where there is one, as Blender writes it."""
    return str(bpy.path.relpath(str(path))) if bpy.data.filepath else str(path)
