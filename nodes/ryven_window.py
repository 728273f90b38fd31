"""What Ryven's window shows of our nodes: a field for each plain input, its help, and an action that runs a node."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import ryvencore
from ryven.gui_env import NodeGUI, inp_widgets, node_gui

from ganplugin.nodes.ports import Port, inputs_of
from ganplugin.nodes.ryven import GanPluginNode, help_text

__all__ = ["NodeWindow", "add_fields"]


class NodeWindow(NodeGUI):
    """A node in the window, with the action ``run``: nodes that write files do so only when they are asked."""

    def __init__(self, params: tuple[object, object]) -> None:
        super().__init__(params)
        self.actions["run"] = {"method": self.run}

    def run(self) -> None:
        """Update the node itself, which renders and writes what it writes."""
        self.node.update()


def add_fields(types: Iterable[type[GanPluginNode]]) -> None:
    """Give the classes their fields. The pack's ``nodes.py`` calls this once Ryven has a window."""
    for made in types:
        node_gui(made)(_window(made))


def _window(made: type[GanPluginNode]) -> type[NodeGUI]:
    ports = inputs_of(made.kind)

    class Fields(NodeWindow):
        description_html = html.escape(help_text(made.kind)).replace("\n", "<br>")
        input_widget_classes = {port.name: _field(port) for port in ports if not port.is_socket}  # noqa: RUF012
        init_input_widgets = {  # noqa: RUF012
            place: {"name": port.name, "pos": "besides"} for place, port in enumerate(ports) if not port.is_socket
        }

    return Fields


def _field(port: Port) -> Any:  # noqa: ANN401 - a class that Ryven makes
    if port.type == "BOOL":
        return inp_widgets.Builder.bool_checkbox(port.default, port.help)
    first = "" if port.default is None else str(port.default)
    size, reader = ("m", _number) if port.type in ("INT", "FLOAT") else ("l", ryvencore.Data)
    # Not resizing: that asks Qt 5 for a text's width, and Qt 6 has no such method.
    return inp_widgets.Builder.str_line_edit(first, size, port.help, resizing=False, data_type=reader)


def _number(text: str) -> ryvencore.Data:
    """Read a number; what is none stays text, and the node says so."""
    for kind in (int, float):
        try:
            return ryvencore.Data(kind(text))
        except ValueError:
            continue
    return ryvencore.Data(text)
