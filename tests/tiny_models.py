"""Model files of a few kilobytes that fulfil the whole contract, made without torch, the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ganplugin.manifest import Channels, Manifest
from ganplugin.modelfile import write_model

Axes = tuple["int | str", ...]
Array = NDArray[np.float32]

W_DIM = 6
NUM_WS = 3
CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


class GraphBuilder:
    """Collects nodes, constants and ports, then makes a model of opset 18 and IR 9."""

    def __init__(self) -> None:
        self.random = np.random.RandomState(7)
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def weights(self, *shape: int) -> str:
        return self.constant(self.random.randn(*shape).astype(np.float32))

    def constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind: str, *names: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(names), [output], **attributes))
        return output

    def input(self, name: str, shape: Axes, default: Array | None = None) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        if default is not None:
            self.constants.append(numpy_helper.from_array(np.asarray(default, np.float32), name))
        return name

    def output(self, name: str, shape: Axes) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def shape(self, *sizes: int) -> str:
        return self.constant(np.asarray(sizes, np.int64))

    def model(self) -> ModelProto:
        graph = helper.make_graph(self.nodes, "tiny", self.inputs, self.outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def tiny_generator(
    path: Path,
    *,
    z_dim: int = 4,
    size: int = 8,
    channels: Channels = "RGB",
    w_space: bool = True,
    noise: bool = True,
    transform: bool = False,
    classes: tuple[str, ...] = (),
    name: str = "tiny",
) -> Path:
    """Write a generator whose picture depends on every input that it has; picture [n, channels, size, size]."""
    build = GraphBuilder()
    planes = CHANNELS[channels]
    hidden = build.op("MatMul", build.input("z", ("batch", z_dim)), build.weights(z_dim, W_DIM))
    if classes:
        label = build.op("MatMul", build.input("label", ("batch", len(classes))), build.weights(len(classes), W_DIM))
        hidden = build.op("Add", hidden, label)
    hidden = build.op("Tanh", hidden)
    features = _w_space(build, hidden) if w_space else hidden
    width = NUM_WS * W_DIM if w_space else W_DIM
    flat = build.op("MatMul", features, build.weights(width, planes * size * size))
    picture = build.op("Reshape", flat, build.shape(-1, planes, size, size))
    if noise:
        for index in range(2):
            picture = _noise(build, picture, index, size)
    if transform:
        given = build.input("transform", ("rows", 3, 3), np.eye(3, dtype=np.float32)[None])
        moved = build.op("Mul", given, build.weights(1, 3, 3))
        total = build.op("ReduceSum", moved, build.shape(1, 2), keepdims=1)
        picture = build.op("Add", picture, build.op("Unsqueeze", total, build.shape(3)))
    build.op("Sigmoid", picture, output="image")
    build.output("image", ("batch", planes, size, size))
    if w_space:
        build.output("w", ("batch", NUM_WS, W_DIM))
    facts: dict[str, Any] = {"w_dim": W_DIM, "num_ws": NUM_WS} if w_space else {}
    manifest = Manifest(
        kind="generator", family="tiny", name=name, channels=channels, width=size, height=size, z_dim=z_dim,
        classes=classes, licence="made by the tests", exporter="tests", **facts,
    )  # fmt: skip
    return write_model(build.model(), manifest, path)


def _w_space(build: GraphBuilder, hidden: str) -> str:
    average = build.weights(1, 1, W_DIM)
    centred = build.op("Sub", build.op("Unsqueeze", hidden, build.shape(1)), average)
    truncation = build.input("truncation", (NUM_WS,), np.ones(NUM_WS, np.float32))
    scaled = build.op("Mul", centred, build.op("Unsqueeze", truncation, build.shape(0, 2)))
    mapped = build.op("Add", average, scaled)
    ws = build.input("ws", ("rows", NUM_WS, W_DIM), np.zeros((1, NUM_WS, W_DIM), np.float32))
    mix = build.op("Unsqueeze", build.input("mix", (NUM_WS,), np.zeros(NUM_WS, np.float32)), build.shape(0, 2))
    mixed = build.op("Add", mapped, build.op("Mul", mix, build.op("Sub", ws, mapped)), output="w")
    return build.op("Reshape", mixed, build.shape(-1, NUM_WS * W_DIM))


def _noise(build: GraphBuilder, picture: str, index: int, size: int) -> str:
    default = build.random.randn(1, 1, size, size).astype(np.float32)
    drawn = build.input(f"noise_{index}", ("rows", 1, size, size), default)
    if index == 0:
        build.input("noise_strength", (), np.asarray(1, np.float32))
    return build.op("Add", picture, build.op("Mul", drawn, "noise_strength"))


def tiny_style(
    path: Path, *, styles: tuple[str, ...] = ("wave", "night"), multiple: int = 1, name: str = "tiny"
) -> Path:
    """Write a style network: a 3x3 blur and a colour turn per style, mixed by `style_weights`, faded by `strength`.

    With ``multiple`` above 1 the picture comes back with its sides rounded up to that multiple.
    """
    build = GraphBuilder()
    content = build.input("content", ("batch", 3, "height", "width"))
    weights = build.input("style_weights", (len(styles),), np.eye(len(styles), dtype=np.float32)[0])
    strength = build.input("strength", (), np.asarray(1, np.float32))
    bank = build.constant(_colour_turns(build.random, len(styles)))
    kernel = build.op("ReduceSum", build.op("Mul", _spread(build, weights), bank), build.shape(0), keepdims=0)
    if multiple > 1:
        content = _padded(build, content, multiple)
    painted = build.op("Conv", content, kernel, pads=[1, 1, 1, 1])
    change = build.op("Mul", strength, build.op("Sub", painted, content))
    build.op(
        "Clip",
        build.op("Add", content, change),
        build.constant(np.float32(0)),
        build.constant(np.float32(1)),
        output="image",
    )
    build.output("image", ("batch", 3, "out_height", "out_width"))
    manifest = Manifest(
        kind="style", family="tiny", name=name, styles=styles, size_multiple=multiple, minimum_size=4,
        licence="made by the tests", exporter="tests",
    )  # fmt: skip
    return write_model(build.model(), manifest, path)


def tiny_upscaler(
    path: Path,
    *,
    scale: int = 2,
    multiple: int = 1,
    sides: tuple[int, int] | None = None,
    claimed: int | None = None,
    channels: Channels = "RGB",
) -> Path:
    """Write an upscaler that returns the negative, each pixel ``scale`` times as wide and as high.

    It has no `strength`. Its sides must be multiples of ``multiple``, or are the fixed ``sides`` (height, width);
    ``claimed`` is the scale in the manifest where that differs.
    """
    build = GraphBuilder()
    height, width = sides or ("height", "width")
    x = build.input("content", ("batch", 3, height, width))
    if multiple > 1:  # halves and doubles sides back, so that others do not fit
        x = build.op("DepthToSpace", build.op("SpaceToDepth", x, blocksize=multiple), blocksize=multiple)
    x = build.op("Sub", build.constant(np.float32(1)), x)
    x = build.op("Gather", x, build.constant(np.arange(CHANNELS[channels]) % 3), axis=1)
    scales = build.constant(np.array([1, 1, scale, scale], np.float32))
    build.op("Resize", x, "", scales, output="image", mode="nearest", nearest_mode="floor",
             coordinate_transformation_mode="asymmetric")  # fmt: skip
    build.output("image", ("batch", CHANNELS[channels], "out_height", "out_width"))
    manifest = Manifest(
        kind="style", family="tiny", name="upscaler", channels=channels, size_multiple=multiple,
        scale=scale if claimed is None else claimed, height=sides and sides[0], width=sides and sides[1],
        licence="made by the tests", exporter="tests",
    )  # fmt: skip
    return write_model(build.model(), manifest, path)


def _colour_turns(random: np.random.RandomState, count: int) -> Array:
    turns = random.dirichlet(np.ones(3), size=(count, 3))
    return (turns[:, :, :, None, None] * np.full((3, 3), 1 / 9)).astype(np.float32)


def _spread(build: GraphBuilder, weights: str) -> str:
    return build.op("Unsqueeze", weights, build.shape(1, 2, 3, 4))


def _padded(build: GraphBuilder, content: str, multiple: int) -> str:
    sides = build.op("Slice", build.op("Shape", content), build.shape(2), build.shape(4))
    step = build.shape(multiple, multiple)
    missing = build.op("Mod", build.op("Sub", step, build.op("Mod", sides, step)), step)
    pads = build.op("Concat", build.shape(0, 0, 0, 0, 0, 0), missing, axis=0)
    return build.op("Pad", content, pads, mode="edge")


def tiny_scorer(
    path: Path, *, size: int = 8, channels: Channels = "RGB", classes: tuple[str, ...] = (), name: str = "tiny"
) -> Path:
    """Write a scorer: a weighted sum of the picture's values, different for different pictures."""
    build = GraphBuilder()
    planes = CHANNELS[channels]
    image = build.input("image", ("batch", planes, size, size))
    flat = build.op("Reshape", image, build.shape(-1, planes * size * size))
    score = build.op("MatMul", flat, build.weights(planes * size * size, 1))
    if classes:
        score = build.op(
            "Add",
            score,
            build.op("MatMul", build.input("label", ("batch", len(classes))), build.weights(len(classes), 1)),
        )
    build.op("Squeeze", score, build.shape(1), output="score")
    build.output("score", ("batch",))
    manifest = Manifest(
        kind="scorer", family="tiny", name=name, channels=channels, width=size, height=size, classes=classes,
        licence="made by the tests", exporter="tests",
    )  # fmt: skip
    return write_model(build.model(), manifest, path)
