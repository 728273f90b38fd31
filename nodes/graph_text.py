"""The text of a graph: from a JSON file or out of a picture, with single values changed by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ganplugin.errors import ImageError, InputError
from ganplugin.files import os_errors
from ganplugin.nodes.catalogue import node_registry
from ganplugin.nodes.ports import Port, inputs_of, port_named
from ganplugin.registry import did_you_mean

__all__ = ["changed", "graph_text", "parse_json"]

_MOST_BYTES = 64 * 2**20
_API_FIX = "in ComfyUI choose Workflow > Export (API)"


def graph_text(path: Path) -> str:
    """Return the JSON text of a graph file, or the graph that a picture or film carries.

    Raises `FileError` if it cannot be read, `ImageError` if it is a picture without a graph.
    """
    from ganplugin.images import PICTURE_SUFFIXES
    from ganplugin.video import VIDEO_SUFFIXES, read_video_text

    if path.suffix.lower() in (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES):
        text = read_video_text(path).get("prompt")
        if text is None:
            raise ImageError("carries no graph", where=path, fix="name a JSON file, or a picture as it was written")
        return text
    with os_errors(path), path.open("rb") as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise InputError("is too large for a graph", where=path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("is no text file", where=path, fix=_API_FIX) from error


def parse_json(text: str, where: object) -> dict[str, Any]:
    """Return the graph in a text: node id to class and inputs. Raises `InputError` naming ``where``.

    The body of a request to ComfyUI's server, which holds the graph as ``prompt``, is taken too. A workflow, as
    ComfyUI's window saves it, comes back as it is.
    """
    try:
        found = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON ({error})", where=where, fix=_API_FIX) from error
    body = found.get("prompt") if isinstance(found, dict) else None
    if isinstance(body, dict) and "class_type" not in body:
        found = body
    if not isinstance(found, dict) or not found:
        raise InputError("holds no graph", where=where, fix=_API_FIX)
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large")
    return number


def changed(prompt: Mapping[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """Return the graph with single values changed, each written ``NODE.FIELD=VALUE``.

    The value is JSON, else text; for a field that takes text, what looks like a number is text too.
    Raises `InputError` for a node that is not there (with the nearest) or a change that is not written so. Whether the
    field exists and takes the value is checked with the rest of the graph.
    """
    graph = {node_id: _copied(node) for node_id, node in prompt.items()}
    for change in changes:
        name, sign, text = change.partition("=")
        node_id, dot, field = name.strip().rpartition(".")
        if not sign or not dot or not field:
            raise InputError("is not a change", where=f"--set {change}", fix="write NODE.FIELD=VALUE, such as 3.seed=7")
        if node_id not in graph:
            raise InputError(
                f"there is no node {node_id!r}", where=f"--set {change}", fix=did_you_mean(node_id, list(graph))
            )
        node = graph[node_id]
        if not isinstance(node, dict) or not isinstance(node["inputs"], dict):
            raise InputError(f"node {node_id!r} has no inputs", where=f"--set {change}", fix=_API_FIX)
        node["inputs"][field] = _value(text, _port(node.get("class_type"), field))
    return graph


def _copied(node: object) -> object:
    if not isinstance(node, Mapping):
        return node
    inputs = node.get("inputs", {})
    return {**node, "inputs": dict(inputs) if isinstance(inputs, Mapping) else inputs}


def _port(class_type: object, field: str) -> Port | None:
    kind = node_registry().entries.get(str(class_type))
    return None if kind is None else port_named(inputs_of(kind), field)


def _value(text: str, port: Port | None) -> object:
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    takes_text = port is not None and port.type in ("TEXT", "CHOICE")
    return text if takes_text and not isinstance(found, (str, list)) else found
