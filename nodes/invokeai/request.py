"""A node call in InvokeAI: its plain inputs, and the graph that makes those which came over links."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganplugin.nodes.base import Node
from ganplugin.nodes.context import Context
from ganplugin.nodes.graph import Evaluation, Graph
from ganplugin.nodes.graph_checks import Link
from ganplugin.nodes.invokeai.fields import MadeField
from ganplugin.nodes.invokeai.gallery import picture_paths
from ganplugin.nodes.load_images import LoadImages
from ganplugin.nodes.ports import Port, inputs_of

__all__ = ["Request", "request"]


@dataclass(frozen=True)
class Request:
    """``graph``, in ComfyUI's API format, holds what ``links`` lead to; ``made`` are the links of types of our own."""

    kind: type[Node]
    plain: Mapping[str, Any]
    links: Mapping[str, Link]
    made: Mapping[str, MadeField]
    graph: Mapping[str, Mapping[str, Any]]

    def node(self, context: Context) -> Node:
        """Return the node with its inputs made. Raises `InputError` if a file that one came from has changed."""
        linked = {}
        if self.links:
            evaluation = Evaluation(Graph.parse(self.graph), context)
            linked = {name: evaluation.value(link) for name, link in self.links.items()}
        for name, field in self.made.items():
            field.check(linked[name])
        return self.kind(**self.plain, **linked)

    def whole(self) -> tuple[dict[str, dict[str, Any]], str]:
        """Return the graph with this call in it, and the call's id there."""
        inputs = {**self.plain, **{name: list(link) for name, link in self.links.items()}}
        return _with_call(self.graph, self.kind.id, inputs)


def request(kind: type[Node], invocation: Any, host: Any, context: Context) -> Request:  # noqa: ANN401 - InvokeAI's
    """Read the inputs of an invocation."""
    given = {port: getattr(invocation, port.name) for port in inputs_of(kind)}
    plain = {port.name: value for port, value in given.items() if not port.is_socket}
    made = {port.name: value for port, value in given.items() if isinstance(value, MadeField)}
    links = {name: field.link for name, field in made.items()}
    graph = {node_id: call for field in made.values() for node_id, call in field.graph.items()}
    for port, value in given.items():
        if port.type in ("IMAGE", "MASK") and value is not None:
            lines = picture_paths(value, host, context.folders.inputs)
            graph, links[port.name] = _with_pictures(graph, port, lines)
    return Request(kind, plain, links, made, graph)


def _with_pictures(graph: Mapping[str, Any], port: Port, lines: str) -> tuple[dict[str, Any], Link]:
    """Return the graph with a node that reads the pictures: masks are white where they are 1, as InvokeAI has it."""
    masks = port.type == "MASK"
    inputs = {"path": lines, "mask_from": "brightness"} if masks else {"path": lines}
    whole, node_id = _with_call(graph, LoadImages.id, inputs)
    return whole, Link(node_id, int(masks))


def _with_call(graph: Mapping[str, Any], kind: str, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the graph with one more call, whose id follows from it, so that equal calls are one."""
    call = {"class_type": kind, "inputs": dict(inputs)}
    node_id = hashlib.sha256(json.dumps(call, sort_keys=True).encode()).hexdigest()[:12]
    return {**graph, node_id: call}, node_id
