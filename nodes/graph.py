"""Graphs in ComfyUI's API format: read, checked whole, and evaluated without a host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganplugin.errors import GanPluginError, InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.graph_checks import Call, Link, check_graph
from ganplugin.nodes.graph_text import changed, graph_text, parse_json
from ganplugin.nodes.picture_store import MemoryStore, PictureStore, stored

__all__ = ["Evaluation", "Graph"]


@dataclass(frozen=True)
class Graph:
    """A checked graph: every node is known, every value in its range, every link of the right type, without circles.

    ``calls`` are in an order in which each comes after what it needs. ``prompt`` is the graph as it was given, which
    pictures carry so that ComfyUI can restore it.
    """

    calls: Mapping[str, Call]
    prompt: Mapping[str, Any] = field(repr=False)

    @classmethod
    def load(cls, path: Path, changes: Iterable[str] = ()) -> Graph:
        """Read a graph from a JSON file, or from a picture that carries one, and make changes such as ``3.seed=7``.

        Raises `FileError` if it cannot be read, `InputError` as `parse` does.
        """
        return cls.parse(changed(parse_json(graph_text(path), path), changes))

    @classmethod
    def parse(cls, prompt: Mapping[str, Any]) -> Graph:
        """Check a graph whole. Raises `GraphError`, which holds every problem, each naming node, field and remedy."""
        return cls(check_graph(prompt), prompt)

    def changed(self, changes: Iterable[str]) -> Graph:
        """Return the graph with single values changed, each written ``NODE.FIELD=VALUE``, and checked again."""
        return Graph.parse(changed(self.prompt, changes))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The nodes that write something, which are what a run is for."""
        return tuple(call.id for call in self.calls.values() if call.kind.writes)

    def needed(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """Return the wanted nodes and all that they need, in order; what nothing needs is never evaluated."""
        keep: set[str] = set()
        waiting = list(wanted)
        while waiting:
            node_id = waiting.pop()
            if node_id not in keep:
                keep.add(node_id)
                waiting += [link.node for link in self.calls[node_id].links.values()]
        return tuple(node_id for node_id in self.calls if node_id in keep)

    def run(self, context: Context, pictures: PictureStore | None = None) -> dict[str, NodeOutputs]:
        """Evaluate what the outputs need and run the outputs; return what each of them gave, by node id.

        Everything that can be refused is refused before the first picture is rendered. A picture that ``pictures``
        holds is not rendered again; by default they are kept for this run alone. Long results are streamed.
        Raises what nodes raise, naming the node.
        """
        if not self.outputs:
            raise InputError("writes nothing", where="graph", fix="end it with GanPluginSaveImages or SaveImage")
        here = _with_prompt(context, self.prompt)
        evaluation = Evaluation(self, here, pictures or MemoryStore())
        ready = {node_id: evaluation.ready(node_id) for node_id in self.outputs}
        _check_destinations(ready, here)
        return {node_id: evaluation.outputs(node_id) for node_id in ready}


class Evaluation:
    """The values of a graph under one context; every node runs once, when it is first asked for."""

    def __init__(self, graph: Graph, context: Context, pictures: PictureStore | None = None) -> None:
        self._graph = graph
        self._context = context
        self._pictures = pictures
        self._done: dict[str, NodeOutputs] = {}

    def value(self, link: Link) -> object:
        """Return one output. Raises `InputError` if there is no such node or output, and what nodes raise."""
        call = self._graph.calls.get(link.node)
        if call is None:
            raise InputError(f"there is no node {link.node!r}", where="graph")
        names = list(call.kind.Outputs.model_fields)
        if not 0 <= link.output < len(names):
            raise InputError(f"has no output {link.output}", where=f"node {link.node}", fix=f"it has {len(names)}")
        return getattr(self.outputs(link.node), names[link.output])

    def inputs(self, node_id: str) -> dict[str, Any]:
        """Return the inputs of a node, by name, without running the node itself."""
        self._run_below(node_id)
        call = self._graph.calls[node_id]
        linked = {name: _as_input(self.value(link)) for name, link in call.links.items()}
        return {**call.values, **linked}

    def ready(self, node_id: str) -> Node:
        """Return a node with its inputs, checked and not yet run."""
        return self._graph.calls[node_id].kind(**self.inputs(node_id))

    def outputs(self, node_id: str) -> NodeOutputs:
        """Run a node, if it has not run, and return its outputs."""
        self._run_below(node_id)
        return self._run(node_id)

    def _run_below(self, node_id: str) -> None:
        for other in self._graph.needed([node_id]):
            if other != node_id:
                self._run(other)

    def _run(self, node_id: str) -> NodeOutputs:
        if node_id not in self._done:
            call = self._graph.calls[node_id]
            linked = {name: _as_input(self.value(link)) for name, link in call.links.items()}
            try:
                found = call.kind(**call.values, **linked).run(self._context)
            except GanPluginError as error:
                raise named(error, call) from error
            keep = self._pictures is not None and call.kind.computes
            self._done[node_id] = stored(found, self._pictures) if keep and self._pictures else found
        return self._done[node_id]


def named(error: GanPluginError, call: Call) -> GanPluginError:
    """Return the error with the node that it came from in front of its place."""
    place = f"node {call.id} ({call.kind.id})"
    if error.where is not None and error.where.startswith("node "):
        return error
    where = place if error.where in (None, call.kind.id) else f"{place}, {error.where}"
    return type(error)(error.what, where=where, fix=error.fix)


def _as_input(value: object) -> object:
    """A list of texts goes into a text input as lines."""
    texts = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return "\n".join(str(item) for item in value) if texts and isinstance(value, tuple) else value


def _with_prompt(context: Context, prompt: Mapping[str, Any]) -> Context:
    from dataclasses import replace

    return replace(context, text={"prompt": json.dumps(prompt), **context.text})


def _check_destinations(ready: Mapping[str, Node], context: Context) -> None:
    """Raise before anything is rendered if a file is in the way, or if two nodes would write the same one."""
    writers: dict[Path, str] = {}
    for node_id, node in ready.items():
        for path in node.destinations(context):
            first = writers.setdefault(path, node_id)
            if first != node_id:
                raise InputError(
                    f"{path} would be written by node {first} too", where=f"node {node_id}", fix="give them other names"
                )
