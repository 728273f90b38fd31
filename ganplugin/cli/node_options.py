"""Command-line options made from node classes, so that names, ranges, defaults and help stand in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from ganplugin.nodes.base import Node, socket_of

__all__ = ["Values", "node_options"]

Chosen = TypeVar("Chosen", bound=Node)
Command = TypeVar("Command", bound=Callable[..., object])
_SIMPLE: dict[object, click.ParamType[Any]] = {int: click.INT, float: click.FLOAT, str: click.STRING}


@dataclass(frozen=True)
class Values:
    """What the user gave, by option name, from which each node of a command takes its own fields."""

    given: Mapping[str, object]

    def node(self, kind: type[Chosen], **links: object) -> Chosen:
        """Make a node from the options that bear its fields' names, and from ``links``, which come first."""
        fields = {name: self.given[name] for name in kind.model_fields if name in self.given and name not in links}
        return kind(**fields, **links)


def node_options(kind: type[Node], *, without: Iterable[str] = ()) -> Callable[[Command], Command]:
    """Decorate a command with one option for each plain field of a node, except those named in ``without``."""
    hidden = set(without)
    fields = [(n, f) for n, f in kind.model_fields.items() if n not in hidden and socket_of(f) is None]

    def decorate(command: Command) -> Command:
        for name, field in reversed(fields):
            command = click.option(*_declaration(name, field), **_settings(field))(command)
        return command

    return decorate


def _declaration(name: str, field: FieldInfo) -> tuple[str, str]:
    dashed = name.replace("_", "-")
    if field.annotation is bool:
        return name, f"--{dashed}/--no-{dashed}" if field.default else f"--{dashed}"
    return name, f"--{dashed}"


def _settings(field: FieldInfo) -> dict[str, Any]:
    return {
        "type": _parameter_type(field),
        "is_flag": field.annotation is bool,
        "default": field.default,
        "show_default": field.default != "" and field.default is not False,
        "help": field.description,
    }


def _parameter_type(field: FieldInfo) -> click.ParamType[Any]:
    kind = field.annotation
    if kind is bool:
        return click.BOOL
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    low, high = _bound(field, "ge"), _bound(field, "le")
    if kind is int and low is not None:
        return click.IntRange(int(low), None if high is None else int(high))
    if kind is float and low is not None:
        return click.FloatRange(low, high)
    return _SIMPLE[kind]


def _bound(field: FieldInfo, name: str) -> float | None:
    return next((getattr(rule, name) for rule in field.metadata if hasattr(rule, name)), None)
