"""The nodes of the tree: one class for each node of ganplugin, and the two that lead from and to Blender's images."""

from __future__ import annotations

from typing import Any

import bpy

from ganplugin.nodes.base import Node
from ganplugin.nodes.blender.drawing import IMAGE_INPUT, IMAGE_OUTPUT, TREE, property_name
from ganplugin.nodes.blender.fields import properties_of
from ganplugin.nodes.blender.sockets import add_inputs, add_outputs
from ganplugin.nodes.catalogue import NODES
from ganplugin.nodes.load_images import LoadImages
from ganplugin.nodes.ports import Port, inputs_of, outputs_of, port_named, summary
from ganplugin.nodes.save_images import SaveImages

__all__ = ["BlenderImage", "BlenderOutput", "RenderedImage", "declared_classes"]

_WIDTH = 200


class _InTree:
    bl_width_default = _WIDTH

    @classmethod
    def poll(cls, tree: bpy.types.NodeTree) -> bool:
        return bool(tree.bl_idname == TREE)

    def keep_tree(self: Any) -> None:
        """Keep the tree in the .blend, where nothing but its editor uses it."""
        self.id_data.use_fake_user = True


class _Declared(_InTree):
    """A node whose sockets and properties are those that its class declares."""

    kind: type[Node]

    def init(self: Any, context: bpy.types.Context) -> None:
        add_inputs(self, inputs_of(self.kind))
        add_outputs(self, outputs_of(self.kind))
        self.keep_tree()

    def draw_buttons(self: Any, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        for port in inputs_of(self.kind):
            if not port.is_socket:
                layout.prop(self, property_name(port.name))


def declared_classes() -> tuple[type, ...]:
    """Make the class of each node of ganplugin."""
    return tuple(
        type(
            kind.id,
            (_Declared, bpy.types.Node),
            {
                "bl_idname": kind.id,
                "bl_label": kind.title,
                "bl_description": summary(kind),
                "kind": kind,
                "__annotations__": properties_of(kind),
            },
        )
        for kind in NODES
    )


class BlenderImage(_InTree, bpy.types.Node):
    """Bring an image of this .blend into the tree, as it looks at the current frame"""

    bl_idname = IMAGE_INPUT
    bl_label = "Blender Image"

    def init(self, context: bpy.types.Context) -> None:
        """Give it the outputs of a picture that is loaded."""
        add_outputs(self, outputs_of(LoadImages))
        self.keep_tree()

    def draw_buttons(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        """Show which image it is."""
        layout.template_ID(self, "image", new="image.new", open="image.open")


BlenderImage.__annotations__ = {
    "image": bpy.props.PointerProperty(type=bpy.types.Image, name="Image", description="a picture of this .blend")
}


class RenderedImage(bpy.types.PropertyGroup):
    """An image that an output node made, and makes anew with the next render."""


RenderedImage.__annotations__ = {"image": bpy.props.PointerProperty(type=bpy.types.Image)}


class BlenderOutput(_InTree, bpy.types.Node):
    """Render the linked pictures into images of this .blend, for materials and the compositor"""

    bl_idname = IMAGE_OUTPUT
    bl_label = "Image Output"

    def init(self, context: bpy.types.Context) -> None:
        """Take what can be saved."""
        add_inputs(self, (_saved("images"),))
        self.keep_tree()

    def copy(self, node: bpy.types.Node) -> None:
        """Let a copy make images of its own."""
        self.rendered.clear()

    def draw_buttons(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        """Show what is to be made, and what was made."""
        layout.prop(self, "destination")
        layout.prop(self, "sequence" if self.destination == "SEQUENCE" else "title")
        if self.frames:
            layout.label(text=f"{self.frames} frames", icon="SEQUENCE")
        for made in self.rendered:
            if made.image:
                layout.label(text=made.image.name, icon="IMAGE_DATA")


def _saved(name: str) -> Port:
    port = port_named(inputs_of(SaveImages), name)
    if port is None:
        raise LookupError(name)
    return port


BlenderOutput.__annotations__ = {
    "destination": bpy.props.EnumProperty(
        name="As",
        description="What the pictures become",
        items=[
            ("IMAGES", "Images", "Each picture becomes an image inside the .blend"),
            ("SEQUENCE", "Sequence", "The pictures become frames on disk and one image that plays them"),
        ],
    ),
    "title": bpy.props.StringProperty(
        name="Name",
        description="Names of the images; may hold {name}, {index} and {seed}",
        default=_saved("name").default,
    ),
    "sequence": bpy.props.StringProperty(
        name="Name", description="Name of the sequence: of its folder and of its files", default="frames"
    ),
    "frames": bpy.props.IntProperty(name="Frames", description="Length of the sequence that was made last"),
    "rendered": bpy.props.CollectionProperty(type=RenderedImage),
}
