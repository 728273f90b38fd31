"""The nodes for ComfyUI's V1 interface, made from the declarations: the tables that it looks for."""

from __future__ import annotations

from typing import Any

from ganplugin.nodes.base import Node
from ganplugin.nodes.catalogue import NODES
from ganplugin.nodes.comfyui.execution import Hidden, execute
from ganplugin.nodes.comfyui.fingerprints import FINGERPRINTS
from ganplugin.nodes.comfyui.model_picker import problem_with, register_folder
from ganplugin.nodes.comfyui.widgets import CATEGORY, Widget, sockets_of, takes_lists, widgets_of
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.ports import summary

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "classic_node"]

_HIDDEN = {"unique_id": "UNIQUE_ID", "prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}


def classic_node(kind: type[Node]) -> type:
    """Return the V1 class of a node."""
    sockets = sockets_of(kind)
    members: dict[str, Any] = {
        "__doc__": kind.__doc__,
        "CATEGORY": CATEGORY,
        "FUNCTION": "run",
        "DESCRIPTION": summary(kind),
        "RETURN_TYPES": tuple(socket.type for socket in sockets),
        "RETURN_NAMES": tuple(socket.name for socket in sockets),
        "OUTPUT_TOOLTIPS": tuple(socket.help for socket in sockets),
        "OUTPUT_IS_LIST": tuple(socket.is_list for socket in sockets),
        "INPUT_IS_LIST": takes_lists(kind),
        "OUTPUT_NODE": kind.writes,
        "INPUT_TYPES": classmethod(lambda cls: _input_types(kind)),
        "run": lambda self, **given: _run(kind, given),
    }
    fingerprint = FINGERPRINTS.get(kind)
    if fingerprint is not None:
        members["IS_CHANGED"] = classmethod(lambda cls, **given: fingerprint(given))
    if kind is LoadModel:
        members["VALIDATE_INPUTS"] = classmethod(lambda cls, model: problem_with(model) or True)
    return type(kind.id, (), members)


def _input_types(kind: type[Node]) -> dict[str, dict[str, Any]]:
    widgets = widgets_of(kind)
    required = {widget.name: _declared(widget) for widget in widgets if not widget.optional}
    optional = {widget.name: _declared(widget) for widget in widgets if widget.optional}
    return {"required": required, "optional": optional, "hidden": dict(_HIDDEN)}


def _declared(widget: Widget) -> tuple[object, dict[str, Any]]:
    return (list(widget.choices) if widget.type == "COMBO" else widget.type, widget.options)


def _run(kind: type[Node], given: dict[str, Any]) -> dict[str, Any]:
    hidden = {name: given.pop(name, None) for name in _HIDDEN}
    if takes_lists(kind):
        hidden = {name: value[0] if isinstance(value, list) and value else value for name, value in hidden.items()}
    done = execute(kind, given, Hidden(**hidden))
    return {"result": done.results, **({"ui": done.ui} if done.ui else {})}


register_folder()
NODE_CLASS_MAPPINGS = {kind.id: classic_node(kind) for kind in NODES}
NODE_DISPLAY_NAME_MAPPINGS = {kind.id: kind.title for kind in NODES}
