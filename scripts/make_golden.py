"""Bring tests/data/hosts.json up to date: ids, input order, types and defaults of every node in every host.

What people have saved in a host names nodes and inputs, and ComfyUI's workflows hold values by their position. So new
nodes and new last inputs are added here; a rename, another order, another type or default, or a removal is refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganplugin.nodes import NODES, Node
from ganplugin.nodes.blender.drawing import property_name, shown_name
from ganplugin.nodes.invokeai.registration import invocation_type
from ganplugin.nodes.ports import inputs_of, outputs_of
from ganplugin.nodes.ryven import node_types
from ganplugin.nodes.workflows import COMFYUI_TYPES

__all__ = ["broken", "golden", "main"]

TARGET = Path(__file__).resolve().parent.parent / "tests" / "data" / "hosts.json"

Table = dict[str, dict[str, list[list[Any]]]]


def golden() -> dict[str, Table]:
    """Return host to node id to its inputs and outputs in order, each a list that begins with a name."""
    ryven = {made.identifier: made for made in node_types()}
    return {
        "declared": {kind.id: _declared(kind) for kind in NODES},
        "comfyui": {kind.id: _comfyui(kind) for kind in NODES},
        "invokeai": {invocation_type(kind): _declared(kind) for kind in NODES},
        "blender": {kind.id: _blender(kind) for kind in NODES},
        "ryven": {name: _ryven(made) for name, made in ryven.items()},
    }


def _declared(kind: type[Node]) -> dict[str, list[list[Any]]]:
    return {
        "inputs": [[port.name, port.type, port.required, port.default, *port.choices] for port in inputs_of(kind)],
        "outputs": [[port.name, port.type] for port in outputs_of(kind)],
    }


def _comfyui(kind: type[Node]) -> dict[str, list[list[Any]]]:
    ports = inputs_of(kind)
    widgets = [port for port in ports if not port.is_socket]
    return {
        "sockets": [[port.name, COMFYUI_TYPES[port.type]] for port in ports if port.is_socket],
        "widgets": [[port.name, COMFYUI_TYPES[port.type], port.default] for port in widgets],
        "outputs": [[port.name, COMFYUI_TYPES[port.type]] for port in outputs_of(kind)],
    }


def _blender(kind: type[Node]) -> dict[str, list[list[Any]]]:
    ports = inputs_of(kind)
    return {
        "sockets": [[shown_name(port.name), port.type] for port in ports if port.is_socket],
        "properties": [[property_name(port.name), port.type, port.default] for port in ports if not port.is_socket],
        "outputs": [[shown_name(port.name), port.type] for port in outputs_of(kind) if port.is_socket],
    }


def _ryven(made: Any) -> dict[str, list[list[Any]]]:  # noqa: ANN401 - a class of ryvencore
    return {
        "inputs": [[port.label, port.default and port.default.payload] for port in made.init_inputs],
        "outputs": [[port.label] for port in made.init_outputs],
    }


def broken(old: Mapping[str, Table], new: Mapping[str, Table]) -> list[str]:
    """Return what of ``old`` is no longer so in ``new``; more nodes, and more at the end of a list, break nothing."""
    return [
        f"{host}: {node} {part} {wanted} is now {found}"
        for host, table in old.items()
        for node, parts in table.items()
        for part, wanted_list in parts.items()
        for wanted, found in _pairs(wanted_list, new.get(host, {}).get(node, {}).get(part, []))
        if wanted != found
    ]


def _pairs(old: list[list[Any]], new: list[list[Any]]) -> list[tuple[list[Any], list[Any] | None]]:
    return [(wanted, new[place] if place < len(new) else None) for place, wanted in enumerate(old)]


def main() -> None:
    """Add what is new, or name what is broken and exit with 1."""
    new = json.loads(json.dumps(golden()))
    old = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    problems = broken(old, new)
    if problems:
        sys.exit("\n".join([*problems, "saved graphs would break: append instead"]))
    TARGET.parent.mkdir(exist_ok=True)
    lines = json.dumps(new, indent=1)
    TARGET.write_text(lines + "\n", encoding="utf-8")
    print(f"wrote {TARGET.name}")


if __name__ == "__main__":
    main()
