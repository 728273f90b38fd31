"""The inputs and outputs of a node as plain data, from which every host, the command line and the docs are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from ganplugin.nodes.base import Node
from ganplugin.nodes.values import Images, LatentBatch, LoadedModel, Masks

__all__ = [
    "SOCKETS",
    "Port",
    "PortType",
    "Widget",
    "allowed_values",
    "inputs_of",
    "outputs_of",
    "port_named",
    "summary",
]

PortType = Literal["MODEL", "IMAGE", "MASK", "LATENT", "INT", "FLOAT", "TEXT", "BOOL", "CHOICE", "TEXTS", "FLOATS"]
Widget = Literal["", "seed", "model", "lines", "slider"]

SOCKETS: dict[object, PortType] = {LoadedModel: "MODEL", Images: "IMAGE", Masks: "MASK", LatentBatch: "LATENT"}
_PLAIN: dict[object, PortType] = {
    int: "INT",
    float: "FLOAT",
    str: "TEXT",
    bool: "BOOL",
    tuple[str, ...]: "TEXTS",
    tuple[float, ...]: "FLOATS",
}


@dataclass(frozen=True)
class Port:
    """One input or output.

    ``type`` MODEL, IMAGE, MASK and LATENT take a link alone (`is_socket`); the others are plain values. ``least`` and
    ``most`` bound numbers, both included; ``choices`` are the values of a CHOICE. ``widget`` says how a host that can
    should let people edit the value: ``seed`` counts up, ``model`` picks a model file, ``lines`` has several lines.
    ``may_be_empty`` is of texts.
    """

    name: str
    type: PortType
    help: str = ""
    required: bool = False
    default: Any = None
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    widget: Widget = ""
    may_be_empty: bool = True

    @property
    def is_socket(self) -> bool:
        """Whether only a link can give this input its value."""
        return self.type in SOCKETS.values()


def inputs_of(kind: type[Node]) -> tuple[Port, ...]:
    """Return the inputs of a node in the order in which hosts show them."""
    return tuple(_port(name, field) for name, field in kind.model_fields.items())


def outputs_of(kind: type[Node]) -> tuple[Port, ...]:
    """Return the outputs of a node in the order by which links number them."""
    return tuple(_port(name, field) for name, field in kind.Outputs.model_fields.items())


def port_named(ports: tuple[Port, ...], name: str) -> Port | None:
    """Return the port of that name, or None."""
    return next((port for port in ports if port.name == name), None)


def allowed_values(port: Port) -> str:
    """Say in words what an input takes, such as ``a whole number, 0 to 64``."""
    if port.type == "CHOICE":
        return "one of " + ", ".join(port.choices)
    if port.is_socket:
        return f"a link to an output of type {port.type}"
    words = {"INT": "a whole number", "FLOAT": "a number", "TEXT": "a text", "BOOL": "true or false"}
    bounds = "" if port.least is None or port.most is None else f", {port.least:.10g} to {port.most:.10g}"
    return words.get(port.type, port.type) + bounds


def summary(kind: type[Node]) -> str:
    """Return what a node promises in one line of plain text: the docstring of its class."""
    return " ".join((kind.__doc__ or "").replace("``", "`").split())


def _port(name: str, field: FieldInfo) -> Port:
    extra = field.json_schema_extra
    widget: Any = extra.get("widget", "") if isinstance(extra, dict) else ""
    return Port(
        name,
        _type(field.annotation),
        field.description or "",
        field.is_required(),
        None if field.is_required() else field.default,
        _bound(field, "ge"),
        _bound(field, "le"),
        _choices(field.annotation),
        widget,
        not _bound(field, "min_length"),
    )


def _type(annotation: object) -> PortType:
    if get_origin(annotation) is Literal:
        return "CHOICE"
    candidates = (annotation, *get_args(annotation))
    known = {**SOCKETS, **_PLAIN}
    return next(known[kind] for kind in candidates if kind in known)


def _choices(annotation: object) -> tuple[str, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _bound(field: FieldInfo, name: str) -> float | None:
    return next((getattr(rule, name) for rule in field.metadata if hasattr(rule, name)), None)
