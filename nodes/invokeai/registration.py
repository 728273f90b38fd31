"""InvokeAI's classes, made from the declarations."""

from __future__ import annotations

import re
from types import GenericAlias
from typing import Any, Literal

from ganplugin.nodes.base import Node
from ganplugin.nodes.catalogue import NODES
from ganplugin.nodes.invokeai.invoking import MADE_FIELDS, invoked
from ganplugin.nodes.ports import Port, inputs_of, outputs_of, summary

__all__ = ["gives_pictures", "invocation_type", "register", "repeatable"]

_PICTURES = ("IMAGE", "MASK")
_TYPES: dict[str, Any] = {
    **MADE_FIELDS,
    "INT": int,
    "FLOAT": float,
    "TEXT": str,
    "BOOL": bool,
    "TEXTS": list[str],
    "FLOATS": list[float],
}


def register(pack: str) -> None:
    """Give InvokeAI an invocation for every node, as classes of the pack ``pack``, which it counts and removes by."""
    for kind in NODES:
        _invocation_class(kind, pack, _output_class(kind, pack))


def invocation_type(kind: type[Node]) -> str:
    """Return the id that InvokeAI knows a node by: ``GanPluginLoadModel`` is ``ganplugin_load_model``."""
    noun = kind.id.removeprefix("GanPlugin")
    return "ganplugin" + re.sub("([A-Z])", r"_\1", noun).lower()


def _output_class(kind: type[Node], pack: str) -> Any:  # noqa: ANN401 - InvokeAI has no types here
    from invokeai.invocation_api import BaseInvocationOutput, OutputField, invocation_output

    ports = outputs_of(kind)
    namespace = {
        "__module__": pack,
        "__doc__": " ".join((kind.Outputs.__doc__ or "").split()),
        "__annotations__": {port.name: _given_type(port) for port in ports},
        **{port.name: OutputField(description=port.help, ui_order=order) for order, port in enumerate(ports)},
    }
    made = type(BaseInvocationOutput)(f"{kind.id}Output", (BaseInvocationOutput,), namespace)
    return invocation_output(f"{invocation_type(kind)}_output")(made)


def _invocation_class(kind: type[Node], pack: str, output: Any) -> Any:  # noqa: ANN401 - as above
    from invokeai.invocation_api import BaseInvocation, InvocationContext, WithBoard, WithMetadata, invocation

    def invoke(self: Any, context: Any) -> Any:  # noqa: ANN401 - as above
        return output(**invoked(kind, self, context))

    # InvokeAI reads the output class here.
    invoke.__annotations__ = {"context": InvocationContext, "return": output}
    ports = inputs_of(kind)
    namespace = {
        "__module__": pack,
        "__doc__": summary(kind),
        "__annotations__": {port.name: _taken_type(port) for port in ports},
        "invoke": invoke,
        **{port.name: _input_field(port, order) for order, port in enumerate(ports)},
    }
    bases = (BaseInvocation, WithMetadata, WithBoard) if gives_pictures(kind) else (BaseInvocation,)
    made = type(BaseInvocation)(kind.id, bases, namespace)
    words = invocation_type(kind).split("_")
    return invocation(
        invocation_type(kind),
        title=kind.title,
        tags=["gan", *words],
        category=kind.category,
        version=kind.version,
        use_cache=repeatable(kind),
    )(made)


def gives_pictures(kind: type[Node]) -> bool:
    """Return whether a node's results go to the gallery, and so to a board, with metadata."""
    return any(port.type in _PICTURES for port in outputs_of(kind))


def repeatable(kind: type[Node]) -> bool:
    """Return whether the same inputs give the same again: not so for nodes that write files or begin with them."""
    return not kind.writes and any(port.is_socket for port in inputs_of(kind))


def _input_field(port: Port, order: int) -> Any:  # noqa: ANN401 - as above
    from invokeai.invocation_api import Input, InputField, UIComponent
    from pydantic_core import PydanticUndefined

    components = {"lines": UIComponent.Textarea, "slider": UIComponent.Slider}
    return InputField(
        default=PydanticUndefined if port.required else port.default,
        description=port.help,
        ge=port.least,
        le=port.most,
        input=Input.Connection if port.type in MADE_FIELDS else Input.Any,
        ui_component=components.get(port.widget),
        ui_order=order,
    )


def _taken_type(port: Port) -> Any:  # noqa: ANN401 - a type, or a form of types
    if port.type == "CHOICE":
        return Literal[port.choices]
    taken = _TYPES[port.type] if port.type not in _PICTURES else _picture_type() | _pictures_type()
    return taken | None if port.is_socket and not port.required else taken


def _given_type(port: Port) -> Any:  # noqa: ANN401 - as above
    return _pictures_type() if port.type in _PICTURES else _TYPES[port.type]


def _picture_type() -> Any:  # noqa: ANN401 - as above
    from invokeai.invocation_api import ImageField

    return ImageField


def _pictures_type() -> Any:  # noqa: ANN401 - as above
    return GenericAlias(list, (_picture_type(),))
