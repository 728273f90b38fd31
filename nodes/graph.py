"""Graphs in ComfyUI's API format: read, checked whole, and evaluated without a host."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganplugin.errors import Cancelled, GanPluginError, InputError
from ganplugin.nodes.base import NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.graph_checks import Call, Link, changed_call, check_graph
from ganplugin.nodes.graph_text import changed, graph_text, parse_json
from ganplugin.nodes.picture_store import MemoryStore, PictureStore, stored
from ganplugin.nodes.values import Images, RenderBoth
from ganplugin.nodes.workflows import is_workflow, prompt_of
from ganplugin.registry import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Evaluation", "Graph"]


@dataclass(frozen=True)
class Graph:
    """A checked graph: every node is known, every value in its range, every link of the right type, without circles.

    ``calls`` are in an order in which each comes after what it needs. ``prompt`` is the graph as it was given, which
    pictures carry so that ComfyUI can restore it.
    """

    calls: Mapping[str, Call]
    prompt: Mapping[str, Any] = field(repr=False)
    drawing: Mapping[str, Any] | None = field(default=None, repr=False)
    """The workflow, where the graph was read from one and is still the one that it draws."""

    @classmethod
    def load(cls, path: Path, changes: Iterable[str] = ()) -> Graph:
        """Read a graph from a JSON file, or from a picture that carries one, and make changes such as ``3.seed=7``.

        Raises `FileError` if it cannot be read, `InputError` as `parse` does.
        """
        found, changes = parse_json(graph_text(path), path), tuple(changes)
        if not is_workflow(found):
            return cls.parse(changed(found, changes))
        drawn = cls.parse(changed(prompt_of(found), changes))
        return drawn if changes else replace(drawn, drawing=found)

    @classmethod
    def parse(cls, prompt: Mapping[str, Any]) -> Graph:
        """Check a graph whole. Raises `GraphError`, which holds every problem, each naming node, field and remedy."""
        calls = check_graph(prompt)
        return cls(calls, {call_id: _written(node, calls[str(call_id)]) for call_id, node in prompt.items()})

    def changed(self, changes: Iterable[str]) -> Graph:
        """Return the graph with single values changed, each written ``NODE.FIELD=VALUE``, and checked again."""
        return Graph.parse(changed(self.prompt, changes))

    def with_values(self, values: Mapping[str, Mapping[str, Any]]) -> Graph:
        """Return the graph with plain values, by node and input, in place of what was there; only these are checked.

        Raises `InputError` for a node that is not there, `GraphError` for a value that does not fit.
        """
        calls, prompt = dict(self.calls), dict(self.prompt)
        for node_id, changes in values.items():
            if node_id not in calls:
                raise InputError(f"there is no node {node_id!r}", where="graph", fix=did_you_mean(node_id, list(calls)))
            calls[node_id] = changed_call(calls[node_id], changes)
            prompt[node_id] = {**prompt[node_id], "inputs": {**prompt[node_id].get("inputs", {}), **changes}}
        return Graph(calls, prompt)

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

        Everything that can be refused is refused before the first picture is rendered, unless a node has to look at
        pictures to know its outputs: a Score, and what reads the files of another node of the graph. A picture that
        ``pictures`` holds is not rendered again; by default they are kept for this run alone. Long results are
        streamed. Raises what nodes raise, naming the node.
        """
        if not self.outputs:
            raise InputError("writes nothing", where="graph", fix="end it with GanPluginSaveImages or SaveImage")
        here = replace(context, text={**self._text(), **context.text})
        evaluation = Evaluation(self, here, MemoryStore() if pictures is None else pictures)
        self._check_destinations(evaluation)
        return {node_id: evaluation.outputs(node_id) for node_id in self.outputs}

    def _check_destinations(self, evaluation: Evaluation) -> None:
        """Raise before anything is rendered if a file is in the way, or if two nodes would write the same one."""
        taken: dict[str, str] = {}
        for node_id in sorted(self.outputs, key=self._follows_a_writer):
            for path in evaluation.destinations(node_id):
                # Some disks do not tell upper from lower case, and a graph should run on all of them.
                first = taken.setdefault(str(path.absolute()).casefold(), node_id)
                if first != node_id:
                    raise InputError(
                        f"would be written by node {first} too",
                        where=f"node {self.calls[node_id].place}, {path}",
                        fix="give one another name",
                    )

    def _follows_a_writer(self, node_id: str) -> bool:
        return any(self.calls[other].kind.writes for other in self.needed([node_id]) if other != node_id)

    def _text(self) -> dict[str, str]:
        drawing = {} if self.drawing is None else {"workflow": json.dumps(self.drawing)}
        return {"prompt": json.dumps(self.prompt), **drawing}


def _written(node: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """Return a node as ComfyUI would write it: whole numbers of number inputs with a point, without its own notes."""
    inputs = {name: call.values.get(name, value) for name, value in node.get("inputs", {}).items()}
    return {name: inputs if name == "inputs" else value for name, value in node.items() if name != "is_changed"}


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
        for other in self._graph.needed([node_id]):
            if other != node_id:
                self._run(other)
        return self._inputs(node_id)

    def destinations(self, node_id: str) -> tuple[Path, ...]:
        """Return the files that a node would write, without running it. Raises `FileError` if one is in the way."""
        call = self._graph.calls[node_id]
        inputs = self.inputs(node_id)
        with naming(call):
            return call.kind(**inputs).destinations(self._context)

    def outputs(self, node_id: str) -> NodeOutputs:
        """Run a node, if it has not run, and return its outputs."""
        for other in self._graph.needed([node_id]):
            self._run(other)
        return self._done[node_id]

    def _inputs(self, node_id: str) -> dict[str, Any]:
        call = self._graph.calls[node_id]
        return {**call.values, **{name: _as_input(self.value(link)) for name, link in call.links.items()}}

    def _run(self, node_id: str) -> None:
        if node_id in self._done:
            return
        call = self._graph.calls[node_id]
        with naming(call):
            found = call.kind(**self._inputs(node_id)).run(self._context)
        found = found.with_images(lambda images: _naming_images(images, call))
        if self._pictures is not None and call.kind.computes:
            found = stored(found, self._pictures)
        self._done[node_id] = found


@contextlib.contextmanager
def naming(call: Call) -> Iterator[None]:
    """Put the node in front of the place of an error raised inside, unless another node is named there already."""
    try:
        yield
    except Cancelled:
        raise
    except GanPluginError as error:
        if error.where is not None and error.where.startswith("node "):
            raise
        where = call.place if error.where in (None, call.kind.id) else f"{call.place}, {error.where}"
        raise type(error)(error.what, where=f"node {where}", fix=error.fix) from error


def _naming_images(images: Images, call: Call) -> Images:
    """Return the pictures; an error while they are rendered names the node that they come from."""

    def render(start: int, stop: int) -> Sequence[NDArray[np.float32]]:
        with naming(call):
            return images.render(start, stop)

    def levels(start: int, stop: int) -> Sequence[NDArray[np.uint8]]:
        with naming(call):
            return images.levels(start, stop)

    return replace(images, render=RenderBoth(render, levels))


def _as_input(value: object) -> object:
    """Return a value as an input takes it: a list of texts goes into a text input as lines."""
    return "\n".join(map(str, value)) if isinstance(value, tuple) else value
