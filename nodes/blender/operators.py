"""The operators: render a tree, and stop rendering it."""

from __future__ import annotations

import bpy

from ganplugin.errors import Cancelled, GanPluginError
from ganplugin.nodes.blender.drawing import TREE
from ganplugin.nodes.blender.rendering import Rendering, rendering_of
from ganplugin.nodes.blender.tree import in_tree

__all__ = ["CancelRender", "RenderTree"]

_SECONDS = 0.1
"""How often finished pictures are shown."""


def _tree(operator: bpy.types.Operator, context: bpy.types.Context) -> bpy.types.NodeTree | None:
    """Return the tree that an operator was given by name, else that of the editor, or None."""
    if operator.tree:
        tree = bpy.data.node_groups.get(operator.tree)
        return tree if tree is not None and tree.bl_idname == TREE else None
    return context.space_data.edit_tree if in_tree(context) else None


class RenderTree(bpy.types.Operator):
    """Render the pictures of the tree into images. Esc stops it"""

    bl_idname = "ganplugin.render"
    bl_label = "Render Pictures"
    bl_options = {"REGISTER"}  # noqa: RUF012 - as Blender wants it

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Render while the window goes on working."""
        if bpy.app.background:
            return self.execute(context)
        if not self._begin(context):
            return {"CANCELLED"}
        manager = context.window_manager
        manager.progress_begin(0, 1)
        self._timer = manager.event_timer_add(_SECONDS, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show what is finished at every tick; stop at Esc."""
        if event.type == "ESC":
            self._rendering.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        context.window_manager.progress_update(self._rendering.progress.fraction)
        _redraw(context)
        if not self._rendering.done:
            self._show()
            return {"PASS_THROUGH"}
        self._stop_ticking(context)
        return self._end()

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Render to the end: scripts and Blender without a window wait for it."""
        if not self._begin(context):
            return {"CANCELLED"}
        while not self._rendering.done:
            self._rendering.wait(_SECONDS)
            self._show()
        return self._end()

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop because Blender opens another file or closes."""
        self._rendering.abandon()
        self._stop_ticking(context)

    def _begin(self, context: bpy.types.Context) -> bool:
        tree = _tree(self, context)
        if tree is None:
            self.report(
                {"ERROR"}, f"{self.tree or 'editor'}: there is no ganplugin tree - name one, or open its editor"
            )
            return False
        try:
            self._rendering = Rendering(tree)
        except GanPluginError as error:
            self.report({"ERROR"}, str(error))
            return False
        return True

    def _show(self) -> None:
        for line in self._rendering.show():
            self.report({"INFO"}, line)

    def _end(self) -> set[str]:
        self._show()
        try:
            self._rendering.close()
        except Cancelled as stopped:
            self.report({"WARNING"}, str(stopped))
            return {"CANCELLED"}
        except GanPluginError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _stop_ticking(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()


class CancelRender(bpy.types.Operator):
    """Stop rendering the tree; finished pictures stay"""

    bl_idname = "ganplugin.cancel"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Stop before the next picture."""
        tree = _tree(self, context)
        rendering = rendering_of(tree) if tree else None
        if rendering is None:
            return {"CANCELLED"}
        rendering.cancel()
        return {"FINISHED"}


_NAME_OF_TREE = {
    "tree": bpy.props.StringProperty(name="Tree", description="Name of the tree; empty takes the one in the editor")
}
RenderTree.__annotations__ = dict(_NAME_OF_TREE)
CancelRender.__annotations__ = dict(_NAME_OF_TREE)


def _redraw(context: bpy.types.Context) -> None:
    for area in context.screen.areas:
        if area.type in ("NODE_EDITOR", "IMAGE_EDITOR", "VIEW_3D"):
            area.tag_redraw()
