"""A convolutional network saved by TensorFlow.js as a layers model, turned into ONNX as a converter would."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.export.foreign_files import ForeignGraph

Layer = Mapping[str, Any]
Weights = Mapping[str, np.ndarray]

NEAREST = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}


def layers_model_to_onnx(folder: Path, path: Path) -> Path:
    """Write the network of ``folder/model.json`` as ONNX with free sides, pixels first at both ends, and return it.

    Knows convolution, ReLU, concatenation, sum and nearest enlargement. Raises `ValueError` for another layer.
    """
    document = json.loads((folder / "model.json").read_text("utf-8"))
    weights = dict(_weights(folder, document["weightsManifest"]))
    topology = document["modelTopology"]["model_config"]["config"]
    graph = ForeignGraph()
    tensors: dict[str, str] = {}
    for layer in topology["layers"]:
        inputs = [tensors[name] for name, *_ in (layer["inbound_nodes"] or [[]])[0]]
        tensors[layer["name"]] = _add(graph, layer, inputs, weights)
    last = topology["output_layers"][0][0]
    graph.op("Transpose", tensors[last], out=last, perm=[0, 2, 3, 1])
    graph.output(last, ["n", "height_out", "width_out", 3])
    return graph.save(path)


def _weights(folder: Path, groups: list[Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each tensor by name: they lie in the group's files, one after the other, as float32."""
    for group in groups:
        values = np.frombuffer(b"".join((folder / name).read_bytes() for name in group["paths"]), "<f4")
        for entry in group["weights"]:
            count = math.prod(entry["shape"])
            yield entry["name"], values[:count].reshape(entry["shape"])
            values = values[count:]


def _add(graph: ForeignGraph, layer: Layer, inputs: list[str], weights: Weights) -> str:
    kind, config = layer["class_name"], layer["config"]
    if kind == "InputLayer":
        return graph.op("Transpose", graph.input(layer["name"], ["n", "height", "width", 3]), perm=[0, 3, 1, 2])
    if kind == "Conv2D":
        kernel = graph.constant(weights[f"{layer['name']}/kernel"].transpose(3, 2, 0, 1))  # HWIO to OIHW
        bias = graph.constant(weights[f"{layer['name']}/bias"])
        pads = [side // 2 if config["padding"] == "same" else 0 for side in config["kernel_size"]]
        return graph.op("Conv", *inputs, kernel, bias, pads=pads * 2)
    if kind == "Activation" and config["activation"] == "relu":
        return graph.op("Relu", *inputs)
    if kind == "Concatenate":
        return graph.op("Concat", *inputs, axis=1)
    if kind == "Add":
        return graph.op("Add", *inputs)
    if kind == "UpSampling2D" and config["interpolation"] == "nearest":
        return graph.op("Resize", *inputs, "", graph.constant(np.array([1, 1, *config["size"]], np.float32)), **NEAREST)
    raise ValueError(f"the layer {kind} is not known here")
