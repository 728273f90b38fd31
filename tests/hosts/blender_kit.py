"""What the tests share inside Blender: trees to draw and render, and stand-ins for the window that is not there."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy

# isort: split
# Blender's own modules are found once it has started.
import addon_utils
import numpy as np

EXTENSION = "bl_ext.user_default.ganplugin"


def enable() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(EXTENSION, default_set=True)


def draw(kinds: str = "LoadModel Sample BlenderOutput", **values: object) -> Any:
    """Draw nodes in a row, each linked to the next where names fit, and set inputs by name."""
    tree = bpy.data.node_groups.new("GAN", "GanPluginTree")
    nodes = [tree.nodes.new(f"GanPlugin{kind}") for kind in kinds.split()]
    for left, right in pairwise(nodes):
        for socket in right.inputs:
            source = next((out for out in left.outputs if out.bl_idname == socket.bl_idname), None)
            if source is not None and not socket.is_linked:
                tree.links.new(source, socket)
    put(tree, **{"model": "builtin:icons", **values})
    return tree


def put(tree: Any, **values: object) -> None:
    for name, value in values.items():
        owners = [node for node in tree.nodes if hasattr(node, f"input_{name}")]
        for node in owners:
            setattr(node, f"input_{name}", value)
        if not owners:
            setattr(tree.nodes["Image Output"], name, value)


def render(tree: Any) -> str:
    """Render, and return the error line, if any."""
    try:
        bpy.ops.ganplugin.render(tree=tree.name)
    except RuntimeError as error:
        return str(error).strip()
    return ""


def images(tree: Any) -> list[Any]:
    return [made.image for made in tree.nodes["Image Output"].rendered]


def levels(image: Any) -> Any:
    """Return what Blender holds, top row first, as 0..255."""
    values = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(values)
    width, height = image.size
    return np.rint(values.reshape(height, width, -1)[::-1] * 255).astype(np.uint8)


def keep(folder: Path, image: Any, name: str) -> None:
    """Put the packed bytes, Blender's pixels and Blender's own PNG of an image where the test finds them."""
    folder.joinpath(f"{name}.packed").write_bytes(image.packed_file.data)
    np.save(folder / f"{name}.npy", levels(image))
    image.save(filepath=str(folder / f"{name}.png"), save_copy=True)


def operator(tree: Any) -> tuple[Any, Any]:
    """Return a stand-in for a running render operator, and for Blender's window: Blender has none in the background."""
    from ganplugin.nodes.blender.operators import RenderTree

    own = {name: value for name, value in vars(RenderTree).items() if not name.startswith(("__", "bl_"))}
    running = type("Running", (), own)()
    running.tree, running.told, running._timer = tree.name, [], "timer"
    running.report = lambda kind, line: running.told.append([*kind, line])
    steps: list[object] = []
    manager = SimpleNamespace(
        progress_begin=lambda *bounds: steps.append("begin"),
        progress_update=steps.append,
        progress_end=lambda: steps.append("end"),
        event_timer_add=lambda seconds, window: "timer",
        event_timer_remove=steps.append,
        modal_handler_add=lambda operator: steps.append("modal"),
    )
    window = SimpleNamespace(areas=[SimpleNamespace(type="NODE_EDITOR", tag_redraw=lambda: steps.append("redraw"))])
    return running, SimpleNamespace(window_manager=manager, window=None, screen=window, space_data=None, steps=steps)


def ticks(running: Any, context: Any, until: Any) -> list[str]:
    """Let the timer tick until something holds or the operator ends."""
    for _ in range(2000):
        answer = running.modal(context, SimpleNamespace(type="TIMER"))
        if answer != {"PASS_THROUGH"} or until():
            return sorted(answer)
        threading.Event().wait(0.005)
    return ["for ever"]


def traces() -> object:
    return {
        "types": [name for name in dir(bpy.types) if "ganplugin" in name.lower()],
        "nodes": [
            kind.__name__
            for base in (bpy.types.Node, bpy.types.NodeSocket, bpy.types.NodeTree, bpy.types.AddonPreferences)
            for kind in base.__subclasses__()
            if kind.is_registered and "ganplugin" in kind.__module__
        ],
        "menu": [
            draw.__module__ for draw in bpy.types.NODE_MT_add._dyn_ui_initialize() if "ganplugin" in draw.__module__
        ],
        "threads": [thread.name for thread in threading.enumerate() if thread.name.startswith("ganplugin-render")],
    }


class Layout:
    """A stand-in for Blender's layout, which is not to be had without a window."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            words = [word for word in (*arguments, *options.values()) if isinstance(word, str)]
            self.drawn.append(" ".join((name, *words)))
            return SimpleNamespace()

        return call
