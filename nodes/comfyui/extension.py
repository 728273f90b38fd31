"""The nodes for ComfyUI's V3 interface, made from the declarations: its extension and entry point."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

from comfy_api.latest import ComfyExtension, io

from ganplugin.nodes.base import Node
from ganplugin.nodes.catalogue import NODES
from ganplugin.nodes.comfyui.execution import Hidden, execute
from ganplugin.nodes.comfyui.fingerprints import FINGERPRINTS
from ganplugin.nodes.comfyui.model_picker import problem_with, register_folder
from ganplugin.nodes.comfyui.widgets import CATEGORY, Socket, Widget, sockets_of, takes_lists, widgets_of
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.ports import Port, allowed_values, inputs_of, summary

__all__ = ["Extension", "comfy_entrypoint", "v3_node"]

_PLAIN = {"INT": io.Int, "FLOAT": io.Float, "STRING": io.String, "BOOLEAN": io.Boolean}


def v3_node(kind: type[Node]) -> type[io.ComfyNode]:
    """Return the V3 class of a node."""

    class Adapted(io.ComfyNode):
        __doc__ = kind.__doc__

        @classmethod
        def define_schema(cls) -> io.Schema:
            return _schema(kind)

        @classmethod
        def execute(cls, **given: Any) -> io.NodeOutput:  # noqa: ANN401 - whatever is linked
            hidden = Hidden(cls.hidden.unique_id, cls.hidden.prompt, cls.hidden.extra_pnginfo)
            done = execute(kind, given, hidden)
            return io.NodeOutput(*done.results, ui=done.ui or None)

    return type(kind.id, (Adapted,), _extras(kind))


def _extras(kind: type[Node]) -> dict[str, Any]:
    """Return the methods that only some nodes have: ComfyUI looks whether they are there."""
    members: dict[str, Any] = {}
    fingerprint = FINGERPRINTS.get(kind)
    if fingerprint is not None:
        members["fingerprint_inputs"] = classmethod(lambda cls, **given: fingerprint(given))
    choices = [port for port in inputs_of(kind) if port.type == "CHOICE"]
    if kind is LoadModel:
        members["validate_inputs"] = classmethod(lambda cls, model: problem_with(model) or True)
    elif choices:
        members["validate_inputs"] = classmethod(_choice_check(choices))
    return members


def _choice_check(ports: list[Port]) -> Callable[..., bool | str]:
    """Return what refuses values that are no choice: ComfyUI does that itself for V1 nodes alone."""

    def check(cls: type, **given: Any) -> bool | str:  # noqa: ANN401 - JSON
        for port in ports:
            value = given.get(port.name)
            value = value[0] if isinstance(value, list) and value else value
            if value is not None and value not in port.choices:
                return f"{port.name}: {value!r} is not {allowed_values(port)}"
        return True

    # ComfyUI reads from the signature which inputs a check is for.
    names = ["cls", *(port.name for port in ports)]
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    check.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return check


def _schema(kind: type[Node]) -> io.Schema:
    return io.Schema(
        node_id=kind.id,
        display_name=kind.title,
        category=CATEGORY,
        description=summary(kind),
        inputs=[_input(widget) for widget in widgets_of(kind)],
        outputs=[_output(socket) for socket in sockets_of(kind)],
        hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
        is_input_list=takes_lists(kind),
        is_output_node=kind.writes,
    )


def _input(widget: Widget) -> io.Input:
    if widget.type == "COMBO":
        return io.Combo.Input(widget.name, options=list(widget.choices), optional=widget.optional, **widget.options)
    made = _PLAIN.get(widget.type) or io.Custom(widget.type)
    return made.Input(widget.name, optional=widget.optional, **widget.options)


def _output(socket: Socket) -> io.Output:
    # Ids of inputs and outputs must differ, and a node may have images on both sides.
    made = io.Custom(socket.type)
    return made.Output(
        socket.name.upper(), display_name=socket.name, tooltip=socket.help, is_output_list=socket.is_list
    )


class Extension(ComfyExtension):
    """All nodes of ganplugin."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Return the node classes, in the order of the catalogue."""
        return [v3_node(kind) for kind in NODES]


async def comfy_entrypoint() -> Extension:
    """Return the extension, once ComfyUI knows where models are kept."""
    register_folder()
    return Extension()
