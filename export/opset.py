"""A graph in another operator set, for programs with an older runtime or a newer demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from ganplugin.errors import ExportError, InputError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["DEFAULT_OPSET", "check_opset", "moved_to_opset"]

DEFAULT_OPSET: Final = 18
"""What networks are converted to at first."""

_OLDEST: Final = 15
_NEWEST: Final = 20
_IR_VERSIONS: Final = {18: 8, 20: 9}
"""The file layout up to an operator set: no newer than its runtimes read."""

_REDUCTIONS: Final = frozenset(
    f"Reduce{name}" for name in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
)
_AXES_MOVED: Final = 18
"""Since when the reductions (but for ReduceSum) take their axes as an input."""


def check_opset(opset: int) -> None:
    """Raise `InputError` unless a model file may have this operator set."""
    if not _OLDEST <= opset <= _NEWEST:
        raise InputError(f"{opset} is no operator set for a model file", where="--opset", fix="choose 15 to 20")


def moved_to_opset(proto: ModelProto, opset: int) -> ModelProto:
    """Return a graph of `DEFAULT_OPSET` in another operator set; the graph itself may be changed.

    Raises `ExportError` that names the operator which has no form there.
    """
    moved = _raised(proto, opset) if opset > DEFAULT_OPSET else _lowered(proto, opset)
    moved.ir_version = next(version for newest, version in _IR_VERSIONS.items() if opset <= newest)
    return moved


def _raised(proto: ModelProto, opset: int) -> ModelProto:
    from onnx import version_converter

    moved: ModelProto = version_converter.convert_version(proto, opset)
    moved.producer_name, moved.producer_version = proto.producer_name, proto.producer_version
    return moved


def _lowered(proto: ModelProto, opset: int) -> ModelProto:
    """Rewrite what older sets say in another way. All else has the same form in them, for single precision."""
    for node in proto.graph.node:
        since, rewrite = _REWRITES.get(node.op_type, (0, _refuse))
        if opset < since:
            rewrite(proto, node)
    del proto.opset_import[:]
    proto.opset_import.add(domain="", version=opset)
    return proto


def _constant(proto: ModelProto, name: str) -> list[int]:
    from onnx import numpy_helper

    for tensor in proto.graph.initializer:
        if tensor.name == name:
            return [int(value) for value in numpy_helper.to_array(tensor).flat]
    raise ExportError(f"an older operator set has no form for the computed value {name}", fix="leave out --opset")


def _axes_to_attribute(proto: ModelProto, node: NodeProto) -> None:
    from onnx import helper

    if len(node.input) > 1 and node.input[1]:
        node.attribute.append(helper.make_attribute("axes", _constant(proto, node.input[1])))
    del node.input[1:]
    _drop(node, "noop_with_empty_axes")


def _drop(node: NodeProto, name: str) -> None:
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)


def _split_without_count(_: ModelProto, node: NodeProto) -> None:
    if len(node.input) > 1:
        return
    _drop(node, "num_outputs")  # without it, older sets split evenly by the number of outputs


def _resize_plainly(proto: ModelProto, node: NodeProto) -> None:
    values = {attribute.name: attribute.i or attribute.s for attribute in node.attribute}
    if "axes" in values or values.get("antialias") or values.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
        _refuse(proto, node)
    for name in ("antialias", "keep_aspect_ratio_policy"):
        _drop(node, name)


def _pad_whole(_: ModelProto, node: NodeProto) -> None:
    if len(node.input) > 3:
        _refuse(_, node)


def _refuse(_: ModelProto, node: NodeProto) -> None:
    raise ExportError(f"the operator {node.op_type} has no form in so old an operator set", fix="raise --opset")


_REWRITES: Final[Mapping[str, tuple[int, Callable[[ModelProto, NodeProto], None]]]] = {
    **dict.fromkeys(_REDUCTIONS, (_AXES_MOVED, _axes_to_attribute)),
    "Split": (18, _split_without_count),
    "Resize": (18, _resize_plainly),
    "Pad": (18, _pad_whole),
    **dict.fromkeys(("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "CenterCropPad", "Col2Im"), (18, _refuse)),
    **dict.fromkeys(("GroupNormalization", "Mish"), (18, _refuse)),
    "LayerNormalization": (17, _refuse),
    "GridSample": (16, _refuse),
}
"""By operator: the first set that has its form of `DEFAULT_OPSET`, and how to say it before."""
