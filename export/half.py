"""Half precision where it is safe: weights and feature maps in 16 bits, all that measures or steers them in 32.

Feature maps (four axes, more than a picture's channels) and the convolutions between them are halved. Normalisation,
reductions, the mapping and the styles that modulate convolutions (two axes), attention and the picture itself stay
single, and so does the square of a map, which 16 bits cannot hold above 256. Inputs and outputs keep their types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ganplugin.errors import ExportError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

__all__ = ["halve", "rounded_twin"]

_CONVOLUTIONS: Final = frozenset({"Conv", "ConvTranspose"})
_MAPS: Final = frozenset(
    {
        *("Abs", "Add", "Clip", "Max", "Min", "Mul", "Neg", "Sub"),
        *("Elu", "LeakyRelu", "PRelu", "Relu", "Sigmoid", "Tanh"),
        *("AveragePool", "MaxPool", "Pad", "Resize"),
        *("Concat", "Expand", "Identity", "Slice", "Split", "Tile", "Where"),
        *("DepthToSpace", "Reshape", "SpaceToDepth", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
_MAP_AXES: Final = 4
_PICTURES: Final = frozenset({1, 2, 3, 4})
"""Channels of pictures and noise, which take no room worth saving."""

_LARGEST: Final = 65504.0
_SUFFIX: Final = ".half"
_WIDE, _RAW = "/wide", "/raw"


def halve(proto: ModelProto) -> ModelProto:
    """Return the graph with everything safe in half precision.

    Raises `ExportError` if a weight is too large for it, or if nothing in the graph is safe.
    """
    from onnx import shape_inference

    halver = _Halver(shape_inference.infer_shapes(proto, data_prop=True))
    if halver.finds_nothing:
        raise ExportError("nothing in this network is safe in half precision", fix="leave out --fp16")
    return halver.halved(proto)


def rounded_twin(proto: ModelProto) -> ModelProto:
    """Return a graph that computes on a CPU what a halved graph computes on a device with half precision.

    onnxruntime's CPU keeps single precision from one halved node to the next, where a device rounds every result and
    overflows above 65,504. Here every node is single, and every result that was half is rounded through it.
    """
    twin = type(proto)()
    twin.CopyFrom(proto)
    nodes: list[NodeProto] = []
    widened: set[str] = set()
    for node in twin.graph.node:
        if node.op_type != "Cast":
            for place, name in enumerate(node.input):
                if name.endswith(_SUFFIX):
                    if name not in widened:
                        nodes.append(_cast(name, name + _WIDE, half=False))
                        widened.add(name)
                    node.input[place] = name + _WIDE
        rounded = [name for name in node.output if name.endswith(_SUFFIX) and node.op_type != "Cast"]
        for place, name in enumerate(rounded):
            node.output[place] = name + _RAW
        nodes += [node, *(_cast(name + _RAW, name, half=True) for name in rounded)]
    _replace(twin.graph.node, nodes)
    return twin


def _cast(source: str, target: str, *, half: bool) -> NodeProto:
    from onnx import TensorProto, helper

    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    return helper.make_node("Cast", [source], [target], name=f"{target}/cast", to=kind)


def _replace(entries: Any, kept: Sequence[Any]) -> None:  # noqa: ANN401 - a repeated field of a protobuf message
    copies = [type(entry).FromString(entry.SerializeToString()) for entry in kept]
    del entries[:]
    entries.extend(copies)


class _Halver:
    """Walks a graph once, in order, and knows of every value in which form it is there.

    A value that is made in half precision is called by its name with `_SUFFIX`; its single form, where something
    needs that, keeps the name.
    """

    def __init__(self, inferred: ModelProto) -> None:
        from onnx import TensorProto

        graph = inferred.graph
        self._weights = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT}
        self._shapes = {name: [*tensor.dims] for name, tensor in self._weights.items()}
        for value in (*graph.input, *graph.value_info, *graph.output):
            if value.type.tensor_type.elem_type == TensorProto.FLOAT:
                self._shapes[value.name] = _sizes(value)
        self._inputs = {value.name for value in graph.input}
        self._outputs = {value.name for value in graph.output}
        self._safe = {node.output[0] for node in graph.node if self._is_safe(node)}
        self._half: set[str] = set()
        self._single = {*self._inputs, *self._weights}
        self._nodes: list[NodeProto] = []
        self._halved: list[TensorProto] = []

    @property
    def finds_nothing(self) -> bool:
        """Whether no node is safe in half precision."""
        return not self._safe

    def _is_safe(self, node: NodeProto) -> bool:
        shapes = [self._shapes.get(name, []) for name in node.output]
        is_map = all(len(shape) == _MAP_AXES for shape in shapes) and not self._outputs & set(node.output)
        is_square = node.op_type == "Mul" and node.input[0] == node.input[1]
        if not is_map or is_square or node.op_type not in _MAPS | _CONVOLUTIONS:
            return False
        if node.op_type in _CONVOLUTIONS:
            shapes.append(self._shapes.get(node.input[0], []))
        return any(len(shape) == _MAP_AXES and shape[1] not in _PICTURES for shape in shapes)

    def halved(self, proto: ModelProto) -> ModelProto:
        """Return ``proto`` rewritten."""
        for node in proto.graph.node:
            self._add(node)
        used = {name for node in self._nodes for name in node.input} | self._inputs
        weights = [tensor for tensor in (*proto.graph.initializer, *self._halved) if tensor.name in used]
        _replace(proto.graph.node, self._nodes)
        _replace(proto.graph.initializer, weights)
        return proto

    def _add(self, node: NodeProto) -> None:
        changed = type(node)()
        changed.CopyFrom(node)
        is_half = node.output[0] in self._safe
        for place, name in enumerate(node.input):
            if is_half and name in self._shapes and (node.op_type != "Resize" or place == 0):
                changed.input[place] = self._as_half(name)
            elif name in self._half - self._single:
                self._nodes.append(_cast(name + _SUFFIX, name, half=False))
                self._single.add(name)
        for place, name in enumerate(node.output):
            (self._half if is_half else self._single).add(name)
            if is_half:
                changed.output[place] = name + _SUFFIX
        self._nodes.append(changed)

    def _as_half(self, name: str) -> str:
        if name not in self._half:
            self._half.add(name)
            if name in self._weights and name not in self._inputs:
                self._halved.append(_halved_weight(self._weights[name], name + _SUFFIX))
            else:
                self._nodes.append(_cast(name, name + _SUFFIX, half=True))
        return name + _SUFFIX


def _sizes(value: ValueInfoProto) -> list[int | None]:
    return [axis.dim_value if axis.HasField("dim_value") else None for axis in value.type.tensor_type.shape.dim]


def _halved_weight(tensor: TensorProto, name: str) -> TensorProto:
    from onnx import numpy_helper

    values = numpy_helper.to_array(tensor)
    if np.abs(values).max(initial=0) > _LARGEST:
        raise ExportError(f"the weight {tensor.name} is too large for half precision", fix="leave out --fp16")
    return numpy_helper.from_array(values.astype(np.float16), name)
