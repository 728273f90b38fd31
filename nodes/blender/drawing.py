"""A drawn tree, read as the graph that runs without Blender."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node
from ganplugin.nodes.catalogue import NODES, node_registry
from ganplugin.nodes.graph_checks import Link
from ganplugin.nodes.load_images import LoadImages
from ganplugin.nodes.ports import Port, inputs_of, outputs_of

if TYPE_CHECKING:
    import bpy

__all__ = [
    "IMAGE_INPUT",
    "IMAGE_OUTPUT",
    "TREE",
    "Drawing",
    "Request",
    "inputs_drawn",
    "property_name",
    "read_tree",
    "shown_name",
]

TREE = "GanPluginTree"
IMAGE_INPUT = "GanPluginBlenderImage"
IMAGE_OUTPUT = "GanPluginBlenderOutput"
_REROUTE = "NodeReroute"


@dataclass(frozen=True)
class Request:
    """Pictures that an output node asks for: which, and whether as images named by a template or as a sequence."""

    node: str
    link: Link
    title: str
    sequence: str | None


@dataclass(frozen=True)
class Drawing:
    """The graph of a tree in ComfyUI's API format (node names are its ids), what to render and what writes files."""

    graph: Mapping[str, Mapping[str, Any]]
    requests: tuple[Request, ...]
    writers: tuple[str, ...]

    @property
    def writes(self) -> bool:
        """Whether rendering writes any file that stays."""
        return bool(self.writers) or any(request.sequence is not None for request in self.requests)


def property_name(port: str) -> str:
    """Return the name of the property that holds an input: Blender's own nodes have a ``name``, a ``label`` …."""
    return f"input_{port}"


def shown_name(port: str) -> str:
    """Return the name of an input or output as Blender writes names."""
    return port.replace("_", " ").title()


def inputs_drawn(tree: bpy.types.NodeTree) -> Iterator[bpy.types.Node]:
    """Yield the nodes that bring an image of Blender into the tree."""
    return (node for node in tree.nodes if node.bl_idname == IMAGE_INPUT and not node.mute)


def read_tree(tree: bpy.types.NodeTree, pictures: Mapping[str, Path], absolute: Callable[[str], str]) -> Drawing:
    """Return the graph of a tree.

    ``pictures`` are the files of the images that input nodes bring in, by node; ``absolute`` makes a path of Blender's
    (``//`` is the folder of the .blend) an ordinary one. Raises `InputError` if there is nothing to render, or if two
    sequences have one name.
    """
    graph: dict[str, Mapping[str, Any]] = {
        name: {"class_type": LoadImages.id, "inputs": {"path": str(path)}} for name, path in pictures.items()
    }
    writers: list[str] = []
    for node, kind in _declared(tree):
        graph[node.name] = {"class_type": kind.id, "inputs": _inputs(node, kind, absolute)}
        if kind.writes:
            writers.append(node.name)
    drawing = Drawing(graph, _requests(tree), tuple(writers))
    if not drawing.requests and not drawing.writers:
        raise InputError("there is nothing to render", where=tree.name, fix="link an Image Output node")
    return drawing


def _declared(tree: bpy.types.NodeTree) -> Iterator[tuple[bpy.types.Node, type[Node]]]:
    kinds = {kind.id: kind for kind in NODES}
    return ((node, kinds[node.bl_idname]) for node in tree.nodes if node.bl_idname in kinds and not node.mute)


def _inputs(node: bpy.types.Node, kind: type[Node], absolute: Callable[[str], str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for port in inputs_of(kind):
        if not port.is_socket:
            found[port.name] = _value(node, port, kind, absolute)
        elif link := _source(node.inputs[shown_name(port.name)]):
            found[port.name] = list(link)
    return found


def _value(node: bpy.types.Node, port: Port, kind: type[Node], absolute: Callable[[str], str]) -> object:
    value = getattr(node, property_name(port.name))
    if port.type == "FLOAT":
        return _shortest(value)
    if port.type == "TEXT" and value.startswith("//"):
        # What is written lies below the folder of the tree, whatever its name begins with.
        return value.removeprefix("//") if kind.writes else absolute(value)
    return value


def _shortest(value: float) -> float:
    """Return the number that was typed: Blender keeps 0.7 as the nearest float32, which is 0.699999988."""
    import numpy as np

    return float(str(np.float32(value)))


def _requests(tree: bpy.types.NodeTree) -> tuple[Request, ...]:
    found: list[Request] = []
    for node in tree.nodes:
        if node.bl_idname != IMAGE_OUTPUT or node.mute or not (link := _source(node.inputs[0])):
            continue
        sequence = node.sequence if node.destination == "SEQUENCE" else None
        if sequence is not None and any(request.sequence == sequence for request in found):
            raise InputError("would be written twice", where=f"sequence {sequence!r}", fix="give each a name")
        found.append(Request(node.name, link, node.title, sequence))
    return tuple(found)


def _source(socket: bpy.types.NodeSocket) -> Link | None:
    """Return the output that a socket is linked to, past reroutes and muted nodes; None if it hangs loose."""
    passed: set[tuple[str, str]] = set()
    while True:
        link = next((link for link in socket.links if not link.is_muted), None)
        if link is None:
            return None
        node, output = link.from_node, link.from_socket
        onward = _inside(node, output)
        if onward is None:
            return None if node.mute else Link(node.name, _number(node, output))
        if (place := (node.name, onward.identifier)) in passed:
            raise InputError("the graph runs in a circle", where=node.name, fix="cut one of the links")
        passed.add(place)
        socket = onward


def _inside(node: bpy.types.Node, output: bpy.types.NodeSocket) -> bpy.types.NodeSocket | None:
    """Return the input that a reroute or a muted node hands through to this output."""
    if node.bl_idname == _REROUTE:
        return node.inputs[0]
    if not node.mute:
        return None
    return next((link.from_socket for link in node.internal_links if link.to_socket == output), None)


def _number(node: bpy.types.Node, output: bpy.types.NodeSocket) -> int:
    kind = LoadImages if node.bl_idname == IMAGE_INPUT else node_registry()[node.bl_idname]
    return [port.name for port in outputs_of(kind)].index(output.identifier)
