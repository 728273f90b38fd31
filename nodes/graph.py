"""Graphs in ComfyUI's API format, run without a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.catalogue import node_registry
from ganplugin.nodes.context import Context

__all__ = ["Graph", "run_inputs", "run_link"]

_DEEPEST = 200

Graph = Mapping[str, Mapping[str, Any]]


def run_link(graph: Graph, link: tuple[str, int], context: Context) -> object:
    """Compute the value of one output, running each node that it needs once.

    Raises `InputError` for an unknown node, a dangling link or a cycle, naming the node.
    """
    return _pick(_run_node(graph, link[0], context, {}, ()), link)


def run_inputs(graph: Graph, node_id: str, context: Context) -> dict[str, Any]:
    """Compute the inputs of a node without running the node itself, by name. Raises as `run_link` does."""
    done: dict[str, NodeOutputs] = {}
    inputs = _node(graph, node_id)["inputs"]
    return {name: _value(graph, value, context, done, (node_id,)) for name, value in inputs.items()}


def _run_node(
    graph: Graph, node_id: str, context: Context, done: dict[str, NodeOutputs], above: tuple[str, ...]
) -> NodeOutputs:
    if node_id in above:
        raise InputError("the graph runs in a circle", where=" > ".join((*above, node_id)), fix="cut one of the links")
    if len(above) > _DEEPEST:
        raise InputError(f"the graph is more than {_DEEPEST} nodes deep", where=f"node {node_id}")
    if node_id not in done:
        node = _node(graph, node_id)
        inputs = {
            name: _value(graph, value, context, done, (*above, node_id)) for name, value in node["inputs"].items()
        }
        done[node_id] = _kind(node, node_id)(**inputs).run(context)
    return done[node_id]


def _value(
    graph: Graph, value: object, context: Context, done: dict[str, NodeOutputs], above: tuple[str, ...]
) -> object:
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) != 2 or not isinstance(value[0], str) or not isinstance(value[1], int):
        raise InputError(f"{value!r} is not a link", where=f"node {above[-1]}", fix='links look like ["1", 0]')
    return _pick(_run_node(graph, value[0], context, done, above), (value[0], value[1]))


def _node(graph: Graph, node_id: str) -> Mapping[str, Any]:
    node = graph.get(node_id)
    if node is None:
        raise InputError(f"there is no node {node_id!r}", where="graph", fix="correct the link")
    if not isinstance(node.get("class_type"), str) or not isinstance(node.get("inputs"), Mapping):
        raise InputError("needs class_type and inputs", where=f"node {node_id}", fix="export the graph in API format")
    return node


def _kind(node: Mapping[str, Any], node_id: str) -> type[Node]:
    try:
        return node_registry()[node["class_type"]]
    except InputError as error:
        raise InputError(error.what, where=f"node {node_id}", fix=error.fix) from error


def _pick(outputs: NodeOutputs, link: tuple[str, int]) -> object:
    names = list(type(outputs).model_fields)
    if not 0 <= link[1] < len(names):
        raise InputError(f"has no output {link[1]}", where=f"node {link[0]}", fix=f"it has {len(names)}")
    return getattr(outputs, names[link[1]])
