"""The kind of node tree that ganplugin's nodes are drawn in."""

from __future__ import annotations

import bpy

from ganplugin.nodes.blender.drawing import TREE
from ganplugin.nodes.blender.sockets import may_link

__all__ = ["GanPluginTree", "in_tree"]


class GanPluginTree(bpy.types.NodeTree):
    """Generate pictures with GANs"""

    bl_idname = TREE
    bl_label = "ganplugin"
    bl_icon = "IMAGE_DATA"

    def update(self) -> None:
        """Mark the links that cannot be right."""
        for link in self.links:
            link.is_valid = may_link(link)


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
