"""Command-line options made from node classes, so that names, ranges, defaults and help stand in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from ganplugin.nodes.base import Node
from ganplugin.nodes.ports import Port, inputs_of

__all__ = ["Values", "node_options"]

Chosen = TypeVar("Chosen", bound=Node)
Command = TypeVar("Command", bound=Callable[..., object])
_SIMPLE: dict[str, click.ParamType[Any]] = {
    "INT": click.INT,
    "FLOAT": click.FLOAT,
    "TEXT": click.STRING,
    "BOOL": click.BOOL,
}


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
    ports = [port for port in inputs_of(kind) if port.name not in hidden and not port.is_socket]

    def decorate(command: Command) -> Command:
        for port in reversed(ports):
            command = click.option(*_declaration(port), **_settings(port))(command)
        return command

    return decorate


def _declaration(port: Port) -> tuple[str, str]:
    dashed = port.name.replace("_", "-")
    if port.type == "BOOL":
        return port.name, f"--{dashed}/--no-{dashed}" if port.default else f"--{dashed}"
    return port.name, f"--{dashed}"


def _settings(port: Port) -> dict[str, Any]:
    return {
        "type": _parameter_type(port),
        "is_flag": port.type == "BOOL",
        "default": port.default,
        "show_default": port.default != "" and port.default is not False,
        "help": port.help,
    }


def _parameter_type(port: Port) -> click.ParamType[Any]:
    if port.type == "CHOICE":
        return click.Choice(port.choices)
    if port.type == "INT" and port.least is not None:
        return click.IntRange(int(port.least), None if port.most is None else int(port.most))
    if port.type == "FLOAT" and port.least is not None:
        return click.FloatRange(port.least, port.most)
    return _SIMPLE[port.type]
