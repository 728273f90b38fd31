"""A stand-in for a tree that is drawn in Blender: nodes, sockets and links as plain objects."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ganplugin.nodes import NODES, LoadImages
from ganplugin.nodes.blender.drawing import IMAGE_INPUT, IMAGE_OUTPUT, property_name, shown_name
from ganplugin.nodes.ports import inputs_of, outputs_of

KINDS = {kind.id: kind for kind in NODES}


class Sockets(list[Any]):
    """Sockets by number and by name."""

    def __getitem__(self, key: Any) -> Any:
        return next(s for s in self if s.name == key) if isinstance(key, str) else super().__getitem__(key)


class Tree:
    """A tree named GAN."""

    def __init__(self) -> None:
        self.name = "GAN"
        self.nodes: list[Any] = []

    def add(self, kind: str, name: str = "", *, mute: bool = False, **values: object) -> Any:
        """Draw a node with the defaults of its kind, and these values."""
        declared = KINDS.get(kind, LoadImages)
        node = SimpleNamespace(name=name or kind, bl_idname=kind, mute=mute, internal_links=[], **OWN.get(kind, {}))
        ports = inputs_of(declared) if kind in KINDS else ()
        for port in ports:
            if not port.is_socket:
                setattr(node, property_name(port.name), port.default if port.default is not None else "")
        for key, value in values.items():
            setattr(node, key if hasattr(node, key) else property_name(key), value)
        sockets = [port.name for port in ports if port.is_socket] or ["images"] * (kind not in KINDS)
        node.inputs = Sockets(_socket(name) for name in sockets)
        outs = [port.name for port in outputs_of(declared) if port.is_socket] if kind != IMAGE_OUTPUT else []
        node.outputs = Sockets(_socket(name) for name in outs)
        self.nodes.append(node)
        return node

    def link(self, source: Any, output: str, target: Any, name: str, *, muted: bool = False) -> None:
        """Draw a link from an output to an input, in the place of the one that was there."""
        link = SimpleNamespace(from_node=source, from_socket=source.outputs[output], is_muted=muted)
        target.inputs[name].links = [link]


OWN: dict[str, dict[str, Any]] = {
    IMAGE_OUTPUT: {"destination": "IMAGES", "title": "{name}", "sequence": "frames"},
    IMAGE_INPUT: {},
}


def _socket(name: str) -> Any:
    return SimpleNamespace(name=shown_name(name), identifier=name, links=[])


def chain(**values: object) -> Tree:
    """Draw load model, sample and image output, linked."""
    tree = Tree()
    model = tree.add("GanPluginLoadModel", "Load", model=values.pop("model", "builtin:icons"))
    sample = tree.add("GanPluginSample", "Sample", **values)
    output = tree.add(IMAGE_OUTPUT, "Output")
    tree.link(model, "Model", sample, "Model")
    tree.link(sample, "Images", output, "Images")
    return tree
