"""The sockets of the tree, one kind for each thing that flows over a link."""

from __future__ import annotations

from textwrap import shorten

import bpy

from ganplugin.nodes.blender.drawing import shown_name
from ganplugin.nodes.ports import SOCKETS, Port, PortType

__all__ = ["add_inputs", "add_outputs", "socket_classes"]

_COLOURS: dict[PortType, tuple[float, float, float, float]] = {
    "MODEL": (0.60, 0.35, 0.85, 1.0),
    "IMAGE": (0.78, 0.78, 0.16, 1.0),
    "MASK": (0.63, 0.63, 0.63, 1.0),
    "LATENT": (0.39, 0.65, 0.90, 1.0),
}
_LONGEST_HELP = 61
"""Blender keeps 63 bytes of a socket's description."""


class _Socket:
    bl_subtype_label = ""
    colour = (0.5, 0.5, 0.5, 1.0)

    def draw(self, context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node, text: str) -> None:
        layout.label(text=text)

    @classmethod
    def draw_color_simple(cls) -> tuple[float, float, float, float]:
        return cls.colour


def socket_classes() -> tuple[type, ...]:
    """Make the class of each kind of socket."""
    return tuple(
        type(
            socket_name(kind),
            (_Socket, bpy.types.NodeSocket),
            {"bl_idname": socket_name(kind), "bl_label": shown_name(kind.lower()), "colour": _COLOURS[kind]},
        )
        for kind in SOCKETS.values()
    )


def socket_name(kind: PortType) -> str:
    """Return the name by which Blender knows a kind of socket."""
    return f"GanPlugin{kind.title()}Socket"


def add_inputs(node: bpy.types.Node, ports: tuple[Port, ...]) -> None:
    """Give a node the sockets of those inputs that take a link."""
    _add(node.inputs, ports)


def add_outputs(node: bpy.types.Node, ports: tuple[Port, ...]) -> None:
    """Give a node the sockets of those outputs that a link can carry."""
    _add(node.outputs, ports)


def _add(sockets: bpy.types.bpy_prop_collection, ports: tuple[Port, ...]) -> None:
    for port in ports:
        if port.is_socket:
            socket = sockets.new(socket_name(port.type), shown_name(port.name), identifier=port.name)
            socket.description = shorten(port.help, _LONGEST_HELP, placeholder=" …")
