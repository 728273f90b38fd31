"""The kind of node tree that ganplugin's nodes are drawn in."""

from __future__ import annotations

import bpy

from ganplugin.nodes.blender.drawing import TREE

__all__ = ["GanPluginTree", "in_tree"]


class GanPluginTree(bpy.types.NodeTree):
    """Generate pictures with GANs"""

    bl_idname = TREE
    bl_label = "ganplugin"
    bl_icon = "IMAGE_DATA"
    bl_use_group_interface = False


GanPluginTree.__annotations__ = {
    "folder": bpy.props.StringProperty(
        name="Folder",
        description="Where pictures, films and sequences are written; // is the folder of the .blend",
        default="//",
        subtype="DIR_PATH",
    )
}


def in_tree(context: bpy.types.Context) -> bool:
    """Tell whether the editor shows one of our trees."""
    space = context.space_data
    return getattr(space, "type", "") == "NODE_EDITOR" and space.tree_type == TREE
