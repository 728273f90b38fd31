"""ComfyUI's types, widgets and options for the ports of a node, the same for both of its interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganplugin.nodes.base import Node
from ganplugin.nodes.comfyui.model_picker import model_names
from ganplugin.nodes.ports import Port, inputs_of, outputs_of
from ganplugin.nodes.workflows import COMFYUI_TYPES

__all__ = ["CATEGORY", "Socket", "Widget", "sockets_of", "takes_lists", "widgets_of"]

CATEGORY = "ganplugin"

_SEQUENCES = ("IMAGE", "MASK")
_STEP = 0.01


@dataclass(frozen=True)
class Widget:
    """One input: its name, ComfyUI's type, the choices of a combo, whether it may be left out, and its options."""

    name: str
    type: str
    optional: bool
    options: dict[str, Any]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Socket:
    """One output: its name, ComfyUI's type, what it is, and whether it comes as a list."""

    name: str
    type: str
    help: str
    is_list: bool


def widgets_of(kind: type[Node]) -> tuple[Widget, ...]:
    """Return the inputs of a node; the choices of a model are those that are there now."""
    return tuple(_widget(port) for port in inputs_of(kind))


def _widget(port: Port) -> Widget:
    if port.widget == "model":
        return Widget(port.name, "COMBO", False, {"tooltip": port.help}, model_names())
    options: dict[str, Any] = {"tooltip": port.help}
    if not port.is_socket and not port.required:
        options["default"] = port.default
    if port.type in ("INT", "FLOAT"):
        options.update({"min": port.least, "max": port.most})
    if port.type == "FLOAT":
        options["step"] = _STEP
    if port.type == "TEXT":
        options["multiline"] = port.widget == "lines"
    if port.widget == "seed":
        options["control_after_generate"] = True
    # Plain inputs always have a widget, so that leaving one out of a graph is only for sockets.
    return Widget(port.name, COMFYUI_TYPES[port.type], not port.required, options, port.choices)


def sockets_of(kind: type[Node]) -> tuple[Socket, ...]:
    """Return the outputs of a node.

    Pictures come as a list of batches, one batch for every run of pictures of one size: nearly always a single one.
    """
    lists = (*_SEQUENCES, "FLOATS")
    return tuple(
        Socket(port.name, COMFYUI_TYPES[port.type], port.help, port.type in lists) for port in outputs_of(kind)
    )


def takes_lists(kind: type[Node]) -> bool:
    """Tell whether a node looks at all batches of a list together, as it must to see one sequence of pictures."""
    return any(port.type in _SEQUENCES for port in inputs_of(kind))
