"""The JSON schema of a graph file, for editors and for programs that write graphs."""

from __future__ import annotations

from typing import Any

from ganplugin.nodes.base import Node
from ganplugin.nodes.catalogue import HEADLESS_NODES, NODES
from ganplugin.nodes.ports import Port, inputs_of, summary

__all__ = ["graph_schema"]

_KINDS = {"INT": "integer", "FLOAT": "number", "TEXT": "string", "BOOL": "boolean"}
_LINK = {
    "description": "a link: the id of a node and the number of its output, counted from 0",
    "type": "array",
    "prefixItems": [{"type": "string"}, {"type": "integer", "minimum": 0}],
    "items": False,
    "minItems": 2,
}


def graph_schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12) of a graph in ComfyUI's API format, made of the nodes that run here."""
    nodes = [_node_schema(kind) for kind in (*NODES, *HEADLESS_NODES)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A graph of ganplugin nodes in ComfyUI's API format: node id to node",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"oneOf": nodes},
        "$defs": {"link": _LINK},
    }


def _node_schema(kind: type[Node]) -> dict[str, Any]:
    ports = inputs_of(kind)
    return {
        "title": kind.title,
        "description": summary(kind),
        "type": "object",
        "required": ["class_type", "inputs"],
        "properties": {
            "class_type": {"const": kind.id},
            "inputs": {
                "type": "object",
                "properties": {port.name: _port_schema(port) for port in ports},
                "required": [port.name for port in ports if port.required],
                "additionalProperties": False,
            },
            "_meta": {"type": "object"},
        },
    }


def _port_schema(port: Port) -> dict[str, Any]:
    link = {"$ref": "#/$defs/link"}
    if port.is_socket:
        sources = [link] if port.required else [link, {"type": "null"}]
        return {"description": f"{port.help} ({port.type})", "anyOf": sources}
    value: dict[str, Any] = {"enum": list(port.choices)} if port.choices else {"type": _KINDS[port.type]}
    if port.least is not None:
        value["minimum"] = port.least
    if port.most is not None:
        value["maximum"] = port.most
    if not port.may_be_empty:
        value["minLength"] = 1
    schema = {"description": port.help, "anyOf": [value, link]}
    return schema if port.required else {**schema, "default": port.default}
