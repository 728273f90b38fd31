"""A stage as an ONNX model of its own, which takes any window of the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.tiling.graph import PictureGraph, operator_set
from ganplugin.tiling.operators import Call, resize_scale
from ganplugin.tiling.sampling import Axis
from ganplugin.tiling.stages import Stage
from ganplugin.tiling.windows import Window

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["Segment", "build_segment", "constants_model"]

Array = NDArray[Any]

_CAST_LIKE_SET: Final = 15


@dataclass(frozen=True)
class Segment:
    """A stage's model.

    ``outputs`` names the output of each target, ``numbers`` what to feed besides the sources, and ``fittings`` makes
    what depends on the window.
    """

    content: bytes
    outputs: Mapping[str, str]
    numbers: tuple[str, ...]
    fittings: Mapping[str, Callable[[Window], Array]]


def build_segment(proto: ModelProto, graph: PictureGraph, stage: Stage, types: Mapping[str, np.dtype[Any]]) -> Segment:
    """Return the model of a stage; ``types`` are those of its sources and numbers, where they are known."""
    builder = _Builder(graph, casts=operator_set(proto) >= _CAST_LIKE_SET)
    for node in stage.nodes:
        builder.add(node)
    outputs = {name: builder.output(name, passed=name in stage.sources) for name in stage.targets}
    used = {name for node in builder.nodes for name in node.input}
    fed = tuple(name for name in stage.numbers if name in used and name not in graph.known)
    # onnxruntime complains of weights that nothing uses, as the shapes are for which others stand here.
    builder.weights.update({name: graph.known[name] for name in used if name in graph.known})
    inputs = [(name, types[name]) for name in (*stage.sources, *fed)]
    inputs += [(name, make.dtype) for name, make in builder.fittings.items()]
    model = _model(proto, builder.nodes, builder.weights, inputs, list(dict.fromkeys(outputs.values())))
    return Segment(model, outputs, fed, {name: make.values for name, make in builder.fittings.items()})


def constants_model(
    proto: ModelProto, nodes: Sequence[NodeProto], known: Mapping[str, Array], wanted: Sequence[str]
) -> bytes:
    """Return a model without inputs that computes ``wanted``."""
    used = {name for node in nodes for name in node.input} | set(wanted)
    weights = {name: known[name] for name in used if name in known}
    return _model(proto, list(nodes), weights, [], wanted)


def _model(
    proto: ModelProto,
    nodes: Sequence[NodeProto],
    weights: Mapping[str, Array],
    inputs: Sequence[tuple[str, np.dtype[Any]]],
    outputs: Sequence[str],
) -> bytes:
    from onnx import helper, numpy_helper

    kinds = [helper.np_dtype_to_tensor_dtype(np.dtype(kind)) for _, kind in inputs]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "stage",
            [helper.make_tensor_value_info(name, kind, None) for (name, _), kind in zip(inputs, kinds, strict=True)],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            [numpy_helper.from_array(weight, name) for name, weight in weights.items()],
        ),
        opset_imports=proto.opset_import,
        ir_version=proto.ir_version,
    )
    return bytes(model.SerializeToString())


@dataclass(frozen=True)
class _Fitting:
    dtype: np.dtype[Any]
    values: Callable[[Window], Array]


@dataclass
class _Builder:
    graph: PictureGraph
    casts: bool
    nodes: list[NodeProto] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)
    fittings: dict[str, _Fitting] = field(default_factory=dict)

    def add(self, node: NodeProto) -> None:
        makers = {"InstanceNormalization": self._norm, "Resize": self._resize, "Reshape": self._reshape}
        in_picture = node.output[0] in self.graph.maps
        made = makers[node.op_type](node) if in_picture and node.op_type in makers else [node]
        self.nodes.extend(made)

    def output(self, name: str, *, passed: bool) -> str:
        """Return the name of a target with height and width, unfolding it if it is flat; ``passed`` if it comes in."""
        from onnx import helper

        if self.graph.maps[name].rows:
            self.nodes.extend(self._unfolded(name, f"{name}:out"))
        elif passed:
            self.nodes.append(helper.make_node("Identity", [name], [f"{name}:out"]))
        else:
            return name
        return f"{name}:out"

    def _norm(self, node: NodeProto) -> Iterator[NodeProto]:
        """With mean and variance known, normalising is one multiplication and one addition, as batch statistics are."""
        from onnx import helper

        output = node.output[0]
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
        inputs = [*node.input, f"{output}:mean", f"{output}:variance"]
        yield helper.make_node("BatchNormalization", inputs, [output], epsilon=epsilon)

    def _reshape(self, node: NodeProto) -> Iterator[NodeProto]:
        from onnx import helper

        name, made = node.output[0], self.graph.maps[node.output[0]]
        if not made.rows:
            yield from self._unfolded(node.input[0], name)
            return
        self.weights[f"{name}:shape"] = np.asarray([1, made.rows, -1], np.int64)
        yield helper.make_node("Reshape", [node.input[0], f"{name}:shape"], [name])

    def _unfolded(self, source: str, name: str) -> Iterator[NodeProto]:
        from onnx import helper

        found = self.graph.maps[source]

        def shape(window: Window) -> Array:
            rows, columns = window.under(found)
            return np.asarray([1, found.channels, rows.stop - rows.start, columns.stop - columns.start], np.int64)

        self.fittings[f"{name}:shape"] = _Fitting(np.dtype(np.int64), shape)
        yield helper.make_node("Reshape", [source, f"{name}:shape"], [name])

    def _resize(self, node: NodeProto) -> Iterator[NodeProto]:
        from onnx import helper

        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        source, made = self.graph.maps[node.input[0]], self.graph.maps[node.output[0]]
        scale = resize_scale(Call("Resize", attributes, (), lambda _: None), source, made)
        if scale:
            name = f"{node.output[0]}:scales"
            self.weights[name] = np.asarray([1, 1, scale, scale], np.float32)
            kept = {key: value for key, value in attributes.items() if key not in ("axes", "keep_aspect_ratio_policy")}
            yield helper.make_node("Resize", [node.input[0], "", name], [node.output[0]], **kept)
            return
        middle = f"{node.output[0]}:rows"
        yield from self._sampled(node.input[0], middle, Axis.of(attributes, 2, source, made))
        yield from self._sampled(middle, node.output[0], Axis.of(attributes, 3, source, made))

    def _sampled(self, source: str, name: str, axis: Axis) -> Iterator[NodeProto]:
        """Enlarge along one axis by the places that the whole picture gives, which a window's size does not tell."""
        from onnx import helper

        low, high, share = (f"{name}:{what}" for what in ("low", "high", "share"))
        self.fittings[low] = _Fitting(np.dtype(np.int64), axis.low)
        if axis.nearest:
            yield helper.make_node("Gather", [source, low], [name], axis=axis.axis)
            return
        self.fittings[high] = _Fitting(np.dtype(np.int64), axis.high)
        self.fittings[share] = _Fitting(np.dtype(np.float32), axis.share)
        parts = [f"{name}:{what}" for what in ("first", "second", "apart", "as", "part")]
        first, second, apart, typed, part = parts
        yield helper.make_node("Gather", [source, low], [first], axis=axis.axis)
        yield helper.make_node("Gather", [source, high], [second], axis=axis.axis)
        yield helper.make_node("Sub", [second, first], [apart])
        # Half precision is of newer sets than this operator.
        yield helper.make_node(*("CastLike", [share, source]) if self.casts else ("Identity", [share]), [typed])
        yield helper.make_node("Mul", [apart, typed], [part])
        yield helper.make_node("Add", [first, part], [name])
