"""Pieces that differ in their seeds alone, rendered together: the network then computes them as one batch."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from ganplugin.nodes.graph import Graph
from ganplugin.nodes.graph_checks import Call
from ganplugin.nodes.ports import inputs_of, port_named
from ganplugin.seeds import parse_seeds
from ganplugin.series.collection import TraitValue
from ganplugin.series.targets import grouped
from ganplugin.series.views import View

__all__ = ["Joined", "Joining"]

Changes = Mapping[str, TraitValue]


@dataclass(frozen=True)
class Joined:
    """One graph for several pieces, and where the pictures of each of them are in its sequences."""

    graph: Graph
    parts: tuple[slice, ...]


@dataclass(frozen=True)
class Joining:
    """Which input of a graph may hold the seeds of many pieces at once, if any: `Joining.of` finds out.

    It may if every picture that the series shows is made from one of those seeds and from nothing else that they
    change, which `Node.each` of the nodes on the way promises.
    """

    graph: Graph = field(repr=False)
    input: str | None

    @classmethod
    def of(cls, graph: Graph, views: Sequence[View]) -> Joining:
        """Find the one input behind all views; films are of one piece, and long enough by themselves."""
        if any(view.write == "film" for view in views):
            return cls(graph, None)
        sources = {_source(graph, graph.calls[view.link.node]) for view in views}
        only = sources.pop() if len(sources) == 1 else None
        return cls(graph, only)

    def key(self, changes: Changes) -> Hashable:
        """Return what pieces that can be rendered together have in common."""
        return json.dumps({name: value for name, value in changes.items() if name != self.input}, sort_keys=True)

    def join(self, pieces: Sequence[Changes]) -> Joined:
        """Return one graph for pieces of one key. Raises `GraphError` or `InputError` for a value that does not fit."""
        if len(pieces) == 1 or self.input is None:
            return Joined(self.graph.with_values(grouped(pieces[0].items())), (slice(None),))
        seeds = [str(changes.get(self.input, self._usual())) for changes in pieces]
        counts = [len(parse_seeds(text)) for text in seeds]
        together = {**pieces[0], self.input: ",".join(seeds)}
        starts = [sum(counts[:number]) for number in range(len(counts))]
        parts = tuple(slice(start, start + count) for start, count in zip(starts, counts, strict=True))
        return Joined(self.graph.with_values(grouped(together.items())), parts)

    def _usual(self) -> str:
        node, _, name = (self.input or "").rpartition(".")
        port = port_named(inputs_of(self.graph.calls[node].kind), name)
        return str(self.graph.calls[node].values.get(name, None if port is None else port.default))


def _source(graph: Graph, call: Call) -> str | None:
    """Return the seeds' input from which each picture of a call is made, picture by seed, or None."""
    each = call.kind.each
    if not each or _others_depend_on(graph, call, each):
        return None
    if each in call.links:
        return _source(graph, graph.calls[call.links[each].node])
    return f"{call.id}.{each}"


def _others_depend_on(graph: Graph, call: Call, each: str) -> bool:
    """Tell whether another input of the call comes from the same nodes as its pictures do."""
    if call.kind.alone & call.links.keys():
        return True
    if each not in call.links:
        return False
    own = set(graph.needed([call.links[each].node]))
    seeded = {node for node in own if graph.calls[node].kind.each}
    return any(seeded & set(graph.needed([link.node])) for name, link in call.links.items() if name != each)
