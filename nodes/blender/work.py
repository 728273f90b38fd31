"""What a render does in its own thread: run the graph, encode pictures, write sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ganplugin.cache import cache_folder
from ganplugin.errors import InputError
from ganplugin.nodes.base import NodeOutputs
from ganplugin.nodes.blender.drawing import Drawing, Request
from ganplugin.nodes.blender.sequences import write_sequence
from ganplugin.nodes.context import Context
from ganplugin.nodes.graph import Evaluation, Graph
from ganplugin.nodes.picture_store import DiskStore
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.save_images import distinct, file_stem
from ganplugin.nodes.values import Images

__all__ = ["MAX_IMAGES", "Picture", "Result", "Sequence", "render"]

MAX_IMAGES = 256
"""The most pictures that become images in the .blend; more are a sequence."""


@dataclass(frozen=True)
class Picture:
    """One finished picture: the bytes of the PNG that a headless run writes. ``last`` ends the pictures of a node."""

    node: str
    index: int
    name: str
    data: bytes
    last: bool


@dataclass(frozen=True)
class Sequence:
    """A finished sequence on disk: its first file and how many there are, numbered from 1."""

    node: str
    first: Path
    frames: int


Result = Picture | Sequence


def render(drawing: Drawing, context: Context, deliver: Callable[[Result], None]) -> None:
    """Run a drawing: write what its nodes write and deliver what its output nodes ask for.

    Everything is checked before the first picture is rendered. Raises `GanPluginError`, `Cancelled` among them.
    """
    evaluation = Evaluation(Graph.parse(drawing.graph), context, DiskStore(cache_folder() / "pictures"))
    asked = [(request, _images(evaluation, request)) for request in drawing.requests]
    for name in drawing.writers:
        evaluation.destinations(name)
    for name in drawing.writers:
        context.reporter.message(f"{name}: {_told(evaluation.outputs(name))}")
    for request, images in asked:
        if request.sequence is None:
            for picture in _pictures(request, images, context):
                deliver(picture)
        else:
            files = write_sequence(images, request.sequence, context)
            deliver(Sequence(request.node, files[0], len(files)))


def _told(outputs: NodeOutputs) -> str:
    """Say what a node wrote."""
    given = outputs.model_dump()
    paths = [given["path"]] if "path" in given else list(given["paths"])
    return paths[0] if len(paths) == 1 else f"{len(paths)} files"


def _images(evaluation: Evaluation, request: Request) -> Images:
    images = evaluation.value(request.link)
    if not isinstance(images, Images):
        raise InputError("is not linked to pictures", where=request.node, fix="link an image output to it")
    if not len(images):
        raise InputError("there are no pictures", where=request.node, fix="make at least one")
    if request.sequence is None and len(images) > MAX_IMAGES:
        raise InputError(
            f"{len(images)} pictures are more than {MAX_IMAGES} images", where=request.node, fix="choose Sequence"
        )
    if request.sequence is None:
        _names(request, images)
    return images


def _names(request: Request, images: Images) -> tuple[str, ...]:
    """Return the name of each picture. Raises `InputError` for a template that cannot be filled in."""
    try:
        return tuple(distinct(file_stem(request.title, index, origin) for index, origin in enumerate(images.origins())))
    except InputError as error:
        raise InputError(error.what, where=f"{request.node}, {error.where}", fix=error.fix) from error


def _pictures(request: Request, images: Images, context: Context) -> Iterator[Picture]:
    from ganplugin.images import encode_picture

    names = _names(request, images)
    for index, pixels in enumerate(context.track(images, request.node, len(names))):
        text = provenance_text(images.origin(index), "png", context.text)
        data = encode_picture(pixels, ".png", text=text)
        yield Picture(request.node, index, names[index], data, index + 1 == len(names))
