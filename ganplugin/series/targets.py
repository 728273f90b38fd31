"""Where in a graph the value of a trait goes, and as what: a number may arrive as text, and a text as a number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ganplugin.errors import InputError
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.ports import Port, allowed_values, inputs_of, port_named
from ganplugin.registry import did_you_mean
from ganplugin.series.collection import TraitValue

__all__ = ["Target", "find_target", "grouped"]


@dataclass(frozen=True)
class Target:
    """One plain input of one node of a graph."""

    node: str
    port: Port

    @property
    def name(self) -> str:
        """How series files call it."""
        return f"{self.node}.{self.port.name}"

    def fitting(self, value: TraitValue) -> TraitValue:
        """Return the value as the input takes it, such as 5 for ``"5"`` or ``"5"`` for 5, or as it is."""
        kind = self.port.type
        if kind in ("TEXT", "CHOICE") and not isinstance(value, (str, bool)):
            return str(value)
        if kind in ("INT", "FLOAT", "BOOL") and isinstance(value, str):
            return _read(value)
        return int(value) if kind == "INT" and isinstance(value, float) and value.is_integer() else value


def find_target(graph: Graph, name: str, *, where: str) -> Target:
    """Return the input that ``NODE.FIELD`` names. Raises `InputError`, naming ``where``, if it takes no plain value."""
    node, _, field = name.rpartition(".")
    if node not in graph.calls:
        ids = list(graph.calls)
        fix = did_you_mean(node, ids) if node else "write NODE.FIELD, such as " + f"{ids[-1]}.seeds"
        raise InputError(f"there is no node {node!r}", where=f"{where}, {name}", fix=fix)
    ports = inputs_of(graph.calls[node].kind)
    port = port_named(ports, field)
    if port is None:
        plain = [port.name for port in ports if not port.is_socket]
        raise InputError(f"node {node} has no input {field!r}", where=where, fix=did_you_mean(field, plain))
    if port.is_socket:
        raise InputError(f"{name} takes {allowed_values(port)}, no value", where=where)
    return Target(node, port)


def grouped(changes: Iterable[tuple[str, TraitValue]]) -> dict[str, dict[str, TraitValue]]:
    """Return values by ``NODE.FIELD`` as values by node and field, as `Graph.with_values` takes them."""
    found: dict[str, dict[str, TraitValue]] = {}
    for name, value in changes:
        node, _, field = name.rpartition(".")
        found.setdefault(node, {})[field] = value
    return found


def shown_changes(changes: Mapping[str, TraitValue]) -> str:
    """Return changes as people write them: ``2.seeds=7, 2.truncation=0.5``."""
    return ", ".join(f"{name}={value}" for name, value in changes.items())


def _read(text: str) -> TraitValue:
    try:
        value = json.loads(text.strip().lower())
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, float)) else text
