"""What is drawn around the tree: the sidebar's tab and the menu that adds nodes."""

from __future__ import annotations

import bpy

from ganplugin.nodes.blender.node_classes import BlenderImage, BlenderOutput
from ganplugin.nodes.blender.operators import CancelRender, RenderTree
from ganplugin.nodes.blender.rendering import rendering_of
from ganplugin.nodes.blender.tree import in_tree
from ganplugin.nodes.catalogue import NODES

__all__ = ["AddMenu", "RenderPanel", "draw_add_menu"]


class RenderPanel(bpy.types.Panel):
    """The tab of the node editor's sidebar that renders the tree."""

    bl_idname = "NODE_PT_ganplugin"
    bl_label = "ganplugin"
    bl_category = "ganplugin"
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Show it beside our trees alone."""
        return in_tree(context) and context.space_data.edit_tree is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Show the button, or how far the render is and how to stop it."""
        tree, layout = context.space_data.edit_tree, self.layout
        layout.prop(tree, "folder")
        rendering = rendering_of(tree)
        if rendering is None:
            layout.operator(RenderTree.bl_idname, icon="RENDER_STILL")
            return
        progress = rendering.progress
        layout.progress(text=f"{progress.label} {progress.done}/{progress.total}", factor=progress.fraction)
        layout.operator(CancelRender.bl_idname, icon="X")


class AddMenu(bpy.types.Menu):
    """All nodes of ganplugin."""

    bl_idname = "NODE_MT_ganplugin_add"
    bl_label = "ganplugin"

    def draw(self, context: bpy.types.Context) -> None:
        """List the nodes."""
        for kind in NODES:
            _entry(self.layout, kind.id, kind.title)
        self.layout.separator()
        for node in (BlenderImage, BlenderOutput):
            _entry(self.layout, node.bl_idname, node.bl_label)


def _entry(layout: bpy.types.UILayout, name: str, title: str) -> None:
    entry = layout.operator("node.add_node", text=title)
    entry.type = name
    entry.use_transform = True


def draw_add_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Put our menu into the editor's Add menu where the editor shows one of our trees."""
    if in_tree(context):
        menu.layout.menu(AddMenu.bl_idname)
