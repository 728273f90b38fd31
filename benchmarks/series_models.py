"""Generators for timing series: StyleGAN2 with random weights, and one that costs next to nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper

from ganplugin.export.convert import convert
from ganplugin.manifest import Manifest
from ganplugin.modelfile import write_model
from ganplugin.models.network import Network
from ganplugin.models.stylegan2 import rebuild
from tests.models.stylegan2_reference import generator_state, mapping_state

__all__ = ["free_generator", "stylegan2", "write_network"]

_GRAIN = 8.0 / 255
"""Standard deviation of the grain, as of a noisy photo."""


def stylegan2(size: int, widest: int) -> Network:
    """Return a StyleGAN2 of ``size`` pixels, random weights, ``widest`` channels at the coarse end, half a step up."""
    torch.manual_seed(0)
    steps = size.bit_length() - 2
    widths = tuple(max(8, min(widest, widest * 64 // 2 ** (step + 2))) for step in range(steps))
    return rebuild(mapping_state(512, 512, depth=8) | generator_state("skip", widths, w_dim=512), {})


def write_network(network: Network, path: Path) -> Path:
    """Export a network into a model file, unproved: its weights are random."""
    manifest = Manifest.model_validate(
        {"kind": network.kind, "family": "benchmark", "name": path.stem, **network.facts}
    )
    return write_model(convert(network), manifest, path)


def free_generator(path: Path, size: int) -> Path:
    """Write a generator that shifts the light of one noisy picture: about as fast as memory, like a fast device."""
    base = _noisy(size)
    nodes = [
        helper.make_node("ReduceMean", ["z", "axes"], ["mean"], keepdims=1),
        helper.make_node("Reshape", ["mean", "shape"], ["light"]),
        helper.make_node("Mul", ["light", "little"], ["shift"]),
        helper.make_node("Add", ["base", "shift"], ["image"]),
    ]
    constants = {
        "axes": np.array([1]),
        "shape": np.array([-1, 1, 1, 1]),
        "little": np.array(0.05, np.float32),
        "base": base,
    }
    graph = helper.make_graph(
        nodes,
        "free",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ("batch", 64))],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ("batch", 3, size, size))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    facts = {"kind": "generator", "family": "benchmark", "name": "free", "channels": "RGB", "z_dim": 64}
    return write_model(model, Manifest.model_validate({**facts, "width": size, "height": size}), path)


def _noisy(size: int) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size] / size
    waves = [np.sin(6.3 * (a * x + b * y) + c) for a, b, c in ((1, 2, 0), (2, 1, 1), (1, -1, 2))]
    soft = 0.5 + 0.35 * np.stack(waves)
    grain = np.random.default_rng(0).normal(0, _GRAIN, soft.shape)
    return np.clip(soft + grain, 0.05, 0.95).astype(np.float32)[None]
