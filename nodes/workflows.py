"""ComfyUI's workflow files, which hold a drawing: read as the graph that is drawn, and drawn from a graph.

Format: ``nodes`` with ids, types, sockets and widget values by position, and ``links`` as ``[id, from node, from
output, to node, to input, type]``; see docs.comfy.org, "Workflow JSON".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node
from ganplugin.nodes.catalogue import node_registry
from ganplugin.nodes.graph_checks import as_link
from ganplugin.nodes.ports import Port, PortType, inputs_of, outputs_of

__all__ = ["COMFYUI_TYPES", "is_workflow", "prompt_of", "workflow_of"]

COMFYUI_TYPES: Mapping[PortType, str] = {
    "MODEL": "GANPLUGIN_MODEL",
    "LATENT": "GANPLUGIN_LATENT",
    "IMAGE": "IMAGE",
    "MASK": "MASK",
    "INT": "INT",
    "FLOAT": "FLOAT",
    "TEXT": "STRING",
    "BOOL": "BOOLEAN",
    "CHOICE": "COMBO",
    "TEXTS": "STRING",
    "FLOATS": "FLOAT",
}
"""How ComfyUI calls our types."""
_UNHEARD = frozenset({"Note", "MarkdownNote"})
_SILENT_MODES = (2, 4)  # muted, bypassed
_COLUMN, _ROW, _TITLE, _WIDTH = 360, 26, 80, 290


def is_workflow(found: object) -> bool:
    """Tell whether a JSON value is a drawing rather than a graph in API format."""
    return isinstance(found, Mapping) and isinstance(found.get("nodes"), list) and "links" in found


def prompt_of(workflow: Mapping[str, Any]) -> dict[str, Any]:
    """Return the graph that a workflow draws, in API format; notes and muted nodes are left out, reroutes followed.

    Raises `InputError` for a drawing that cannot be read, and for a node that is not ours: only a node's own program
    knows which of its widgets a value belongs to.
    """
    try:
        nodes = {node["id"]: node for node in workflow["nodes"]}
        links = {link[0]: (link[1], link[2]) for link in workflow["links"] if link is not None}
        heard = [node for node in nodes.values() if _is_heard(node)]
        return {str(node["id"]): _call(node, nodes, links) for node in heard}
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(
            f"is no workflow that can be read ({type(error).__name__}: {error})",
            where="graph",
            fix="in ComfyUI choose Workflow > Export (API)",
        ) from error


def _is_heard(node: Mapping[str, Any]) -> bool:
    return node["type"] not in _UNHEARD and node["type"] != "Reroute" and node.get("mode", 0) not in _SILENT_MODES


def _call(node: Mapping[str, Any], nodes: Mapping[Any, Any], links: Mapping[Any, tuple[Any, int]]) -> dict[str, Any]:
    kind = _kind(node)
    inputs: dict[str, Any] = dict(_widget_values(kind, node.get("widgets_values") or ()))
    for socket in node.get("inputs") or ():
        if socket.get("link") is not None:
            inputs[socket["name"]] = _source(socket["link"], nodes, links)
    ordered = {port.name: inputs[port.name] for port in inputs_of(kind) if port.name in inputs}
    title = node.get("title") or kind.title
    return {"class_type": kind.id, "inputs": {**ordered, **inputs}, "_meta": {"title": title}}


def _kind(node: Mapping[str, Any]) -> type[Node]:
    try:
        return node_registry()[str(node["type"])]
    except InputError as error:
        raise InputError(
            f"{node['type']} is not one of our nodes",
            where=f"node {node['id']}",
            fix="in ComfyUI choose Workflow > Export (API), or take it out",
        ) from error


def _source(link: object, nodes: Mapping[Any, Any], links: Mapping[Any, tuple[Any, int]]) -> list[str | int]:
    seen: set[object] = set()
    node, output = links[link]
    while nodes[node]["type"] == "Reroute" and node not in seen:
        seen.add(node)
        node, output = links[nodes[node]["inputs"][0]["link"]]
    return [str(node), output]


def _widget_values(kind: type[Node], values: Sequence[Any] | Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(values, Mapping):
        yield from values.items()
        return
    rest = list(values)
    for port in _widget_ports(kind):
        if rest:
            yield port.name, rest.pop(0)
        if port.widget == "seed" and rest:
            rest.pop(0)  # what happens to the seed after a run


def _widget_ports(kind: type[Node]) -> list[Port]:
    return [port for port in inputs_of(kind) if not port.is_socket]


def workflow_of(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """Draw a checked graph in API format as a workflow: columns by depth, every node as large as its widgets need."""
    order = {node_id: number for number, node_id in enumerate(prompt, start=1)}
    links = list(_links(prompt, order))
    places = _places(prompt)
    nodes = [_drawn(node_id, prompt[node_id], order, links, places[node_id]) for node_id in prompt]
    return {
        "last_node_id": len(nodes),
        "last_link_id": len(links),
        "nodes": nodes,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def _links(prompt: Mapping[str, Any], order: Mapping[str, int]) -> Iterator[list[Any]]:
    number = 0
    for node_id, node in prompt.items():
        for slot, port in enumerate(_linked_ports(node)):
            link = as_link(node["inputs"][port.name]) if port.name in node["inputs"] else None
            if link is not None:
                number += 1
                source = outputs_of(node_registry()[prompt[link.node]["class_type"]])[link.output]
                yield [number, order[link.node], link.output, order[node_id], slot, COMFYUI_TYPES[source.type]]


def _linked_ports(node: Mapping[str, Any]) -> list[Port]:
    """Return the inputs that are drawn as dots: all sockets, and the widgets that have a link."""
    ports = inputs_of(node_registry()[node["class_type"]])
    return [port for port in ports if port.is_socket or as_link(node["inputs"].get(port.name)) is not None]


def _drawn(
    node_id: str, node: Mapping[str, Any], order: Mapping[str, int], links: Sequence[list[Any]], place: tuple[int, int]
) -> dict[str, Any]:
    kind = node_registry()[node["class_type"]]
    number = order[node_id]
    return {
        "id": number,
        "type": kind.id,
        "pos": list(place),
        "size": [_WIDTH, _height(node)],
        "flags": {},
        "order": number - 1,
        "mode": 0,
        "inputs": [_input_dot(port, slot, number, links) for slot, port in enumerate(_linked_ports(node))],
        "outputs": [_output_dot(port, slot, number, links) for slot, port in enumerate(_drawn_outputs(kind))],
        "properties": {"Node name for S&R": kind.id},
        "widgets_values": list(_drawn_values(kind, node["inputs"])),
    }


def _drawn_outputs(kind: type[Node]) -> tuple[Port, ...]:
    return outputs_of(kind) if kind.id.startswith("GanPlugin") or not kind.writes else ()


def _input_dot(port: Port, slot: int, number: int, links: Sequence[list[Any]]) -> dict[str, Any]:
    link = next((link[0] for link in links if link[3] == number and link[4] == slot), None)
    dot: dict[str, Any] = {"name": port.name, "type": COMFYUI_TYPES[port.type], "link": link}
    return dot if port.is_socket else {**dot, "widget": {"name": port.name}}


def _output_dot(port: Port, slot: int, number: int, links: Sequence[list[Any]]) -> dict[str, Any]:
    out = [link[0] for link in links if link[1] == number and link[2] == slot]
    return {"name": port.name, "type": COMFYUI_TYPES[port.type], "links": out or None}


def _drawn_values(kind: type[Node], inputs: Mapping[str, Any]) -> Iterator[Any]:
    for port in _widget_ports(kind):
        given = inputs.get(port.name, port.default)
        yield port.default if as_link(given) is not None else given
        if port.widget == "seed":
            yield "fixed"


def _height(node: Mapping[str, Any]) -> int:
    kind = node_registry()[node["class_type"]]
    dots = max(len(_linked_ports(node)), len(outputs_of(kind)))
    return _TITLE + _ROW * (dots + len(list(_drawn_values(kind, {}))))


def _places(prompt: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    depth: dict[str, int] = {}
    bottoms: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}

    def column(node_id: str) -> int:
        if node_id not in depth:
            links = (as_link(value) for value in prompt[node_id]["inputs"].values())
            depth[node_id] = max((column(link.node) + 1 for link in links if link is not None), default=0)
        return depth[node_id]

    for node_id, node in prompt.items():
        left = column(node_id)
        top = bottoms.get(left, 60)
        places[node_id] = (40 + left * _COLUMN, top)
        bottoms[left] = top + _height(node) + 60
    return places
