"""A network's graph read for one picture size: what is a feature map, what a number, what needs the whole picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ganplugin.tiling.maps import Map, Uncuttable
from ganplugin.tiling.operators import JOINING, Call, Step, step
from ganplugin.tiling.statistics import GATHERERS

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

__all__ = ["Evaluator", "PictureGraph", "Reduction", "operator_set", "read_graph"]

CONTENT: Final = "content"
IMAGE: Final = "image"
_OLDEST_SET: Final = 11  # before, Resize did not say where its pixels lie
_GLOBAL_POOLS: Final = frozenset({"GlobalAveragePool", "GlobalMaxPool"})

Array = NDArray[Any]


class Evaluator(Protocol):
    """Computes named numbers of a graph that do not depend on the picture."""

    def __call__(self, nodes: Sequence[NodeProto], known: Mapping[str, Array], wanted: Sequence[str]) -> list[Array]:
        """Return the ``wanted`` results of ``nodes``, given what is ``known``."""


@dataclass(frozen=True)
class Reduction:
    """Something that is known only when all of the map ``source`` is: ``names`` are the results.

    ``kind`` is the operator; ``rows`` into how many groups channels are taken together (0: each alone);
    ``shape`` that of the result.
    """

    kind: str
    source: str
    names: tuple[str, ...]
    shape: tuple[int, ...]
    rows: int = 0


@dataclass
class PictureGraph:
    """A network's graph for pictures of ``height`` x ``width``.

    ``level`` tells of each result how many times in a row the whole picture must have been seen before it can be
    computed. ``known`` are the weights, and results that depend on the picture's size alone.
    """

    height: int
    width: int
    nodes: list[NodeProto]
    known: dict[str, Array]
    maps: dict[str, Map] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    level: dict[str, int] = field(default_factory=dict)
    reductions: list[Reduction] = field(default_factory=list)

    def maker(self) -> dict[str, NodeProto]:
        """Return the node that makes each result."""
        return {name: node for node in self.nodes for name in node.output if name}

    @property
    def levels(self) -> range:
        """All levels up to the picture's own."""
        return range(self.level[IMAGE] + 1)

    def constant_nodes(self, names: Sequence[str]) -> list[NodeProto]:
        """Return the nodes that compute ``names`` from what is known, in their order."""
        wanted, kept = set(names) - self.known.keys(), []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                wanted.update(set(node.input) - self.known.keys())
                kept.append(node)
        return kept[::-1]


def read_graph(
    proto: ModelProto, size: tuple[int, int], inputs: Mapping[str, Array], evaluate: Evaluator
) -> PictureGraph:
    """Read a style network's graph for pictures of ``size`` (height, width) and optional ``inputs``.

    Raises `Uncuttable` if it does what tiles cannot follow.
    """
    from onnx import numpy_helper

    if operator_set(proto) < _OLDEST_SET:
        raise Uncuttable(f"its operators are of a set older than {_OLDEST_SET}")
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    nodes = list(_needed(proto.graph))
    known = {name: weight for name, weight in weights.items() if name not in inputs}
    reader = _Reader(PictureGraph(*size, nodes, known), inputs, evaluate)
    for node in nodes:
        reader.read(node)
    graph = reader.graph
    if IMAGE not in graph.maps:
        raise Uncuttable("its picture does not depend on the picture that goes in")
    return graph


def operator_set(proto: ModelProto) -> int:
    """Return the version of ONNX's operators that a model uses."""
    return max((int(entry.version) for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def _needed(graph: GraphProto) -> Iterator[NodeProto]:
    """Yield the nodes that the picture depends on, in their order."""
    wanted, kept = {IMAGE}, []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            if any(attribute.HasField("g") for attribute in node.attribute):
                raise Uncuttable(f"its {node.op_type} holds graphs of its own")
            wanted.update(node.input)
            kept.append(node)
    yield from reversed(kept)


class _Reader:
    def __init__(self, graph: PictureGraph, inputs: Mapping[str, Array], evaluate: Evaluator) -> None:
        self.graph = graph
        self._inputs = inputs
        self._values: dict[str, Array] = {}
        self._evaluate = evaluate
        self._makers = graph.maker()
        graph.maps[CONTENT] = Map(3, graph.height, graph.width)
        graph.level[CONTENT] = 0

    def read(self, node: NodeProto) -> None:
        graph = self.graph
        level = max((graph.level.get(name, 0) for name in node.input), default=0)
        maps = tuple(graph.maps.get(name) for name in node.input)
        if not any(maps):
            graph.level.update(dict.fromkeys(node.output, level))
            return
        if node.op_type == "Shape":
            self._read_shape(node, graph.maps[node.input[0]])
        elif not self._read_reduction(node, level):
            self._read_step(node, maps, level)

    def _read_shape(self, node: NodeProto, source: Map) -> None:
        attributes = _attributes(node)
        shape = source.shape[attributes.get("start", 0) : attributes.get("end")]
        self.graph.known[node.output[0]] = np.asarray(shape, np.int64)
        self.graph.level[node.output[0]] = 0

    def _read_step(self, node: NodeProto, maps: tuple[Map | None, ...], level: int) -> None:
        self._check_places(node, maps)
        attributes = {**_attributes(node), "outputs": list(node.output)}
        found = step(Call(node.op_type, attributes, maps, lambda index: self._value(node.input[index])))
        for name, made in zip(node.output, found.maps, strict=False):
            self.graph.maps[name] = made
            self.graph.steps[name] = found
            self.graph.level[name] = level

    def _check_places(self, node: NodeProto, maps: tuple[Map | None, ...]) -> None:
        """Refuse weights that have a number for every place: they fit pictures of one size."""
        sides = 1 if any(found is not None and found.rows for found in maps) else 2
        for name in node.input if node.op_type in JOINING else ():
            weight = self.graph.known.get(name)
            if weight is not None and max(weight.shape[-sides:], default=1) > 1:
                raise Uncuttable(f"its {node.op_type} has numbers of its own for every place of a picture")

    def _read_reduction(self, node: NodeProto, level: int) -> bool:
        """Note what needs the whole picture; tell whether the node does."""
        if node.op_type not in GATHERERS:
            return False
        source = self.graph.maps.get(node.input[0])
        if source is None:
            raise Uncuttable(f"its {node.op_type} depends on the picture in another way")
        if node.op_type == "InstanceNormalization":
            self._add_norm(node, source, level)
            return True
        axes = self._axes(node, source)
        if axes == {1} and not source.rows:
            return False
        self._add_reduction(node, source, axes, level)
        return True

    def _axes(self, node: NodeProto, source: Map) -> set[int]:
        if node.op_type in _GLOBAL_POOLS:
            return {2, 3}
        given = _attributes(node).get("axes")
        if given is None and len(node.input) > 1 and node.input[1]:
            given = self._value(node.input[1])
        sides = len(source.shape)
        return {int(axis) % sides for axis in (range(sides) if given is None else np.ravel(given))}

    def _add_reduction(self, node: NodeProto, source: Map, axes: set[int], level: int) -> None:
        picture = {2} if source.rows else {2, 3}
        if not picture <= axes or source.rows not in (0, source.channels):
            raise Uncuttable(f"its {node.op_type} sees rows or columns of the picture one by one")
        self._check_whole(node, source)
        keeps = node.op_type in _GLOBAL_POOLS or bool(_attributes(node).get("keepdims", 1))
        full = [1 if axis in axes else side for axis, side in enumerate(source.shape)]
        shape = tuple(side for axis, side in enumerate(full) if keeps or axis not in axes)
        name = node.output[0]
        rows = 1 if 1 in axes else 0
        self.graph.reductions.append(Reduction(node.op_type, node.input[0], (name,), shape, rows))
        self.graph.level[name] = level + 1

    def _add_norm(self, node: NodeProto, source: Map, level: int) -> None:
        self._check_whole(node, source)
        if any(self.graph.level.get(name, 0) or name in self.graph.maps for name in node.input[1:]):
            raise Uncuttable("its normalisation takes its scale from the picture")
        output, name = node.output[0], node.input[0]
        rows = source.rows
        if rows:
            maker = self._makers[name]
            if maker.op_type != "Reshape" or self.graph.maps[maker.input[0]].rows:
                raise Uncuttable("its normalisation works on a flattened picture")
            name = maker.input[0]
        names = (f"{output}:mean", f"{output}:variance")
        groups = rows or source.channels
        self.graph.reductions.append(Reduction(node.op_type, name, names, (groups,), rows))
        self.graph.level.update(dict.fromkeys(names, level + 1))
        self.graph.maps[output], self.graph.level[output] = source, level + 1
        self.graph.steps[output] = Step((source,))

    def _check_whole(self, node: NodeProto, source: Map) -> None:
        if not replace(source, rows=0).covers(self.graph.height, self.graph.width):
            raise Uncuttable(f"its {node.op_type} counts padding, or leaves out a part of the picture")

    def _value(self, name: str) -> Array | None:
        """Return a number that does not depend on pixels, computing it if need be; None if it is no such number."""
        graph = self.graph
        if not name or name in graph.maps or graph.level.get(name, 0):
            return None
        for known in (graph.known, self._inputs):
            if name in known:
                return known[name]
        if name not in self._values:
            everything = {**graph.known, **self._inputs}
            self._values[name] = self._evaluate(graph.constant_nodes([name]), everything, [name])[0]
        return self._values[name]


def _attributes(node: NodeProto) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
