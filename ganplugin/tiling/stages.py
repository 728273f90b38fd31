"""The order of work: which parts of a network run one after the other, and what is kept between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from ganplugin.tiling.graph import CONTENT, IMAGE, PictureGraph, Reduction
from ganplugin.tiling.maps import Map, Reach

if TYPE_CHECKING:
    from onnx import NodeProto

__all__ = ["Stage", "plan_stages"]

_FREE: Final = frozenset({CONTENT})


@dataclass(frozen=True)
class Stage:
    """One pass over the picture, from ``sources``, which lie ready, to what is ``kept``, ``reductions`` or the image.

    ``numbers`` are what it needs besides. ``align`` is what the corners of its windows must be multiples of, ``before``
    and ``after`` how many picture pixels a window must be larger than its tile; ``weight`` how many numbers its maps
    hold for each pixel of the picture.
    """

    nodes: tuple[NodeProto, ...]
    sources: tuple[str, ...]
    numbers: tuple[str, ...]
    kept: tuple[str, ...]
    reductions: tuple[Reduction, ...]
    paints: bool
    align: int
    before: int
    after: int
    weight: float

    @property
    def targets(self) -> tuple[str, ...]:
        """The maps that it computes for others."""
        found = (*self.kept, *(reduction.source for reduction in self.reductions), *((IMAGE,) if self.paints else ()))
        return tuple(dict.fromkeys(found))


def plan_stages(graph: PictureGraph) -> tuple[Stage, ...]:
    """Return the stages in the order that they must run in."""
    return tuple(_Planner(graph).stages())


class _Planner:
    def __init__(self, graph: PictureGraph) -> None:
        self._graph = graph
        self._makers = graph.maker()
        self._ready = {CONTENT}
        self._gathered = {name: reduction for reduction in graph.reductions for name in reduction.names}

    def stages(self) -> Iterator[Stage]:
        graph = self._graph
        for level in graph.levels:
            kept = self._kept(level)
            reductions = [r for r in graph.reductions if graph.level[r.source] == level]
            targets = [*kept, *(r.source for r in reductions), *([IMAGE] if level == graph.level[IMAGE] else [])]
            for group in self._apart(list(dict.fromkeys(targets))):
                yield self._stage(group, [n for n in kept if n in group], [r for r in reductions if r.source in group])
            self._ready.update(kept)

    def _kept(self, level: int) -> list[str]:
        """Return the maps of a level to keep: of what later levels use, whatever is dear to compute once more."""
        kept: dict[str, None] = {}
        for name in self._crossing(level):
            roots = self._roots(name, kept)
            cheap = sum(self._size(root) for root in roots) <= self._size(name)
            new = [name] if not cheap and not self._graph.maps[name].rows else roots
            kept.update(dict.fromkeys(root for root in new if root not in self._ready))
        return list(kept)

    def _crossing(self, level: int) -> Iterator[str]:
        graph = self._graph
        made = [n for node in graph.nodes for n in node.output if n in graph.maps and graph.level[n] == level]
        later = {name for node in graph.nodes if self._runs_after(node, level) for name in node.input}
        return (name for name in made if name in later)

    def _runs_after(self, node: NodeProto, level: int) -> bool:
        """Tell whether a node works on maps after a level; what gathers numbers from them runs in the level itself."""
        return node.output[0] in self._graph.maps and self._graph.level[node.output[0]] > level

    def _roots(self, name: str, kept: dict[str, None]) -> list[str]:
        """Return the maps from which cheap operators make ``name``."""
        if name in self._ready or name in kept or not self._graph.steps[name].is_cheap:
            return [name]
        before = (n for n in self._makers[name].input if n in self._graph.maps)
        return list(dict.fromkeys(root for each in before for root in self._roots(each, kept)))

    def _size(self, name: str) -> Fraction:
        return Fraction(0) if name in _FREE else self._graph.maps[name].values_a_pixel

    def _apart(self, targets: list[str]) -> list[list[str]]:
        """Group targets that share work; others take turns, each with tiles that suit it."""
        groups: list[tuple[set[str], list[str]]] = []
        for target in targets:
            work = {name for node in self._closure([target])[0] for name in node.output if name in self._graph.maps}
            shared = [group for group in groups if group[0] & work]
            groups = [group for group in groups if group not in shared]
            merged = set().union(work, *(group[0] for group in shared)), [*(n for g in shared for n in g[1]), target]
            groups.append(merged)
        return [names for _, names in groups]

    def _closure(self, targets: Sequence[str]) -> tuple[list[NodeProto], list[str], list[str]]:
        """Return the nodes that make ``targets`` of maps that are ready, those maps, and the numbers needed."""
        wanted = [name for name in targets if name not in self._ready]
        sources = [name for name in targets if name in self._ready]
        numbers: list[str] = []
        nodes: list[NodeProto] = []
        seen = set(targets)
        while wanted:
            node = self._makers[wanted.pop()]
            if node in nodes:
                continue
            nodes.append(node)
            for name in self._inputs(node):
                if name in seen:
                    continue
                seen.add(name)
                kind = self._kind(name)
                {"source": sources, "number": numbers, "made": wanted}[kind].append(name)
        order = {id(node): index for index, node in enumerate(self._graph.nodes)}
        return sorted(nodes, key=lambda node: order[id(node)]), sources, numbers

    def _inputs(self, node: NodeProto) -> list[str]:
        names = [name for name in node.input if name]
        if node.op_type == "InstanceNormalization" and node.output[0] in self._graph.maps:
            return [*names, *(f"{node.output[0]}:{what}" for what in ("mean", "variance"))]
        return names

    def _kind(self, name: str) -> str:
        if name in self._graph.maps:
            return "source" if name in self._ready else "made"
        if name in self._gathered or self._graph.level.get(name, 0) == 0:
            return "number"
        return "made"

    def _stage(self, targets: list[str], kept: list[str], reductions: list[Reduction]) -> Stage:
        nodes, sources, numbers = self._closure(targets)
        maps = self._graph.maps
        reaches = self._reaches(nodes, sources)
        found = [maps[name] for name in reaches]
        before = max(-reaches[name].low for name in targets)
        after = max(reaches[name].high - maps[name].stride for name in targets)
        return Stage(
            nodes=tuple(nodes),
            sources=tuple(sources),
            numbers=tuple(numbers),
            kept=tuple(kept),
            reductions=tuple(reductions),
            paints=IMAGE in targets,
            align=math.lcm(*(_multiple(each) for each in found)),
            before=max(0, math.ceil(before)),
            after=max(0, math.ceil(after)),
            weight=float(sum(each.values_a_pixel for each in found)),
        )

    def _reaches(self, nodes: Sequence[NodeProto], sources: Sequence[str]) -> dict[str, Reach]:
        maps, steps = self._graph.maps, self._graph.steps
        found = {name: Reach(Fraction(0), maps[name].stride) for name in sources}
        for node in nodes:
            inputs = [found[name] for name in node.input if name in found]
            if not inputs:
                continue
            joined = inputs[0]
            for other in inputs[1:]:
                joined = joined.joined(other)
            for name in node.output:
                if name in maps:
                    found[name] = joined.grown(steps[name].low, steps[name].high)
        return found


def _multiple(found: Map) -> int:
    return found.stride.numerator
