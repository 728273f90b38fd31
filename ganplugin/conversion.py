"""The rounding to 8 bits as a graph of its own, for devices whose memory the pictures should leave as bytes."""

from __future__ import annotations

from typing import Final

__all__ = ["conversion_model"]

_OPSET: Final = 13
_IR_VERSION: Final = 8


def conversion_model() -> bytes:
    """Return an ONNX graph: ``image`` float32 [n, c, h, w] to ``levels`` uint8 [n, h, w, c] and ``flaw`` [].

    The levels are those of `to_uint8`; ``flaw`` is 1 if a value is NaN, else 0. It runs behind the network, in a
    session of its own, so that the network's is the same whatever becomes of its pictures.
    """
    from onnx import TensorProto, helper

    numbers = {"least": 0.0, "most": 1.0, "top": 255.0}
    nodes = [
        helper.make_node("Clip", ["image", "least", "most"], ["clipped"]),
        helper.make_node("Mul", ["clipped", "top"], ["scaled"]),
        helper.make_node("Round", ["scaled"], ["rounded"]),  # half to even
        helper.make_node("Cast", ["rounded"], ["planes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["planes"], ["levels"], perm=[0, 2, 3, 1]),
        helper.make_node("IsNaN", ["image"], ["odd"]),
        helper.make_node("Cast", ["odd"], ["counted"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["counted"], ["flaw"], keepdims=0),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", "c", "h", "w"])
    levels = helper.make_tensor_value_info("levels", TensorProto.UINT8, ["n", "h", "w", "c"])
    flaw = helper.make_tensor_value_info("flaw", TensorProto.FLOAT, [])
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in numbers.items()]
    graph = helper.make_graph(nodes, "conversion", [image], [levels, flaw], constants)
    opset = [helper.make_opsetid("", _OPSET)]
    content: bytes = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION).SerializeToString()
    return content
