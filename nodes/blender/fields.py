"""The plain inputs of nodes as properties of Blender."""

from __future__ import annotations

from typing import Any

import bpy

from ganplugin.nodes.base import Node
from ganplugin.nodes.blender.drawing import property_name, shown_name
from ganplugin.nodes.blender.preferences import model_names
from ganplugin.nodes.ports import Port, inputs_of

__all__ = ["properties_of"]

_LARGEST_INT = 2**31 - 1
"""Blender keeps whole numbers in 32 bits with a sign."""


def properties_of(kind: type[Node]) -> dict[str, Any]:
    """Return a property for each plain input of a node, by its name: with its range, its default and its help."""
    return {property_name(port.name): _property(port) for port in inputs_of(kind) if not port.is_socket}


def _property(port: Port) -> object:
    words = {"name": shown_name(port.name), "description": port.help}
    if port.type == "INT":
        return bpy.props.IntProperty(**words, default=port.default or 0, **_range(port))
    if port.type == "FLOAT":
        return bpy.props.FloatProperty(**words, default=port.default or 0.0, precision=3, **_range(port))
    if port.type == "BOOL":
        return bpy.props.BoolProperty(**words, default=bool(port.default))
    if port.type == "CHOICE":
        items = [(choice, choice, "") for choice in port.choices]
        return bpy.props.EnumProperty(**words, items=items, default=port.default or port.choices[0])
    if port.widget == "model":
        return bpy.props.StringProperty(
            **words, default=port.default or "", search=model_names, search_options={"SUGGESTION"}
        )
    return bpy.props.StringProperty(**words, default=port.default or "")


def _range(port: Port) -> dict[str, float]:
    number = int if port.type == "INT" else float
    bounds = {"min": port.least, "max": port.most}
    found = {name: number(bound) for name, bound in bounds.items() if bound is not None}
    if port.type == "INT" and "max" in found:
        found["max"] = min(found["max"], _LARGEST_INT)
    return found
