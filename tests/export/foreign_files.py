"""ONNX files as others make them: any names, layout, range and type, written by hand so that numpy can check them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper, save

Axes = Sequence["int | str | None"]

FLOAT, HALF, BYTES = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8


class ForeignGraph:
    """Nodes in a row, then a file."""

    def __init__(self, *, opset: int = 13, ir_version: int = 8) -> None:
        self.opset, self.ir_version = opset, ir_version
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def input(self, name: str, shape: Axes, kind: int = FLOAT, default: Any = None) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        if default is not None:
            self.constants.append(numpy_helper.from_array(np.asarray(default, np.float32), name))
        return name

    def constant(self, value: Any) -> str:
        name = f"const/{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind: str, *names: str, out: str = "", **attributes: Any) -> str:
        name = out or f"tensor_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(names), [name], **attributes))
        return name

    def output(self, name: str, shape: Axes | None, kind: int = FLOAT) -> str:
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def model(self) -> ModelProto:
        graph = helper.make_graph(self.nodes, "theirs", self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("ai.onnx.ml", 2)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self.ir_version)
        model.doc_string = "/home/them/secret"
        return model

    def save(self, path: Path) -> Path:
        save(self.model(), path)
        return path


MIX = np.array([[0.2, 0.7, -0.4], [0.6, -0.5, 0.3], [-0.3, 0.4, 0.9]], np.float32)
"""How `painter` mixes colours, before the activation."""


def painter(
    path: Path,
    *,
    layout: str = "nchw",
    activation: str = "Tanh",
    batch: int | str = "n",
    sides: tuple[Any, Any] = ("h", "w"),
    scale: tuple[float, float] | None = None,
    kind: int = FLOAT,
    opset: int = 13,
) -> Path:
    """A style network: a 3 x 3 blur, colours mixed by `MIX`, an activation; ``scale`` multiplies and shifts the end."""
    graph = ForeignGraph(opset=opset)
    shape = [batch, 3, *sides] if layout == "nchw" else [batch, *sides, 3]
    x = graph.input("image", shape, kind)
    if kind != FLOAT:
        x = graph.op("Cast", x, to=FLOAT)
    if layout == "nhwc":
        x = graph.op("Transpose", x, perm=[0, 3, 1, 2])
    if kind == BYTES:
        x = graph.op("Div", x, graph.constant(np.float32(255)))
    blur = np.repeat(np.repeat(MIX[:, :, None, None] / 9, 3, 2), 3, 3)
    x = graph.op("Conv", x, graph.constant(blur), pads=[1, 1, 1, 1])
    x = graph.op(activation, x)
    if scale is not None:
        x = graph.op(
            "Add", graph.op("Mul", x, graph.constant(np.float32(scale[0]))), graph.constant(np.float32(scale[1]))
        )
    if kind == HALF:
        x = graph.op("Cast", x, to=HALF)
    if kind == BYTES:
        x = graph.op("Cast", graph.op("Round", x), to=BYTES)
    if layout == "nhwc":
        x = graph.op("Transpose", x, perm=[0, 2, 3, 1])
    graph.nodes[-1].output[0] = "gen/out:0"
    graph.output("gen/out:0", shape, kind)
    return graph.save(path)


def painted(image: np.ndarray) -> np.ndarray:
    """What `painter` computes of [n, 3, h, w] in its own range, before the activation."""
    rows, _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)))
    blurred = sum(padded[:, :, y : y + height, x : x + width] for y in range(3) for x in range(3)) / 9
    return np.einsum("oi,nihw->nohw", MIX, blurred).reshape(rows, 3, height, width)
