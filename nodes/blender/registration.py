"""What Blender is told of, in the order in which one thing needs another."""

from __future__ import annotations

import bpy

from ganplugin.nodes.blender.node_classes import BlenderImage, BlenderOutput, RenderedImage, declared_classes
from ganplugin.nodes.blender.operators import CancelRender, RenderTree
from ganplugin.nodes.blender.panels import AddMenu, RenderPanel, draw_add_menu
from ganplugin.nodes.blender.preferences import Preferences
from ganplugin.nodes.blender.rendering import stop_all
from ganplugin.nodes.blender.sockets import socket_classes
from ganplugin.nodes.blender.tree import GanPluginTree

__all__ = ["add", "remove"]

_added: list[type] = []


def add(package: str) -> None:
    """Register every class; ``package`` is the extension's name, by which Blender keeps its preferences."""
    Preferences.bl_idname = package
    for kind in _classes():
        bpy.utils.register_class(kind)
        _added.append(kind)
    bpy.types.NODE_MT_add.append(draw_add_menu)


def remove() -> None:
    """Stop what is rendering and take every class back."""
    stop_all()
    bpy.types.NODE_MT_add.remove(draw_add_menu)
    while _added:
        bpy.utils.unregister_class(_added.pop())


def _classes() -> tuple[type, ...]:
    return (
        Preferences,
        *socket_classes(),
        GanPluginTree,
        RenderedImage,
        BlenderImage,
        BlenderOutput,
        *declared_classes(),
        RenderTree,
        CancelRender,
        RenderPanel,
        AddMenu,
    )
