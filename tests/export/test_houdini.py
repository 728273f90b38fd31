"""What Houdini's "Setup Shapes from Model" reads out of a file: names, types and shapes, which are all fixed here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.runtime import RuntimeOptions, open_model
from tests.models.test_detection import EXAMPLES

CPU = RuntimeOptions(device="cpu")


def export(folder: Path, family: str, options: ExportOptions) -> Path:
    source = folder / "checkpoint.pth"
    torch.save(EXAMPLES[family](), source)
    return export_checkpoint(source, options=options).path


def shapes(values: object) -> dict[str, tuple[int, list[int]]]:
    """Every tensor's type and shape by name, with -1 for an axis that is free, as Houdini shows it."""
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [axis.dim_value if axis.HasField("dim_value") else -1 for axis in value.type.tensor_type.shape.dim],
        )
        for value in values
    }


FLOAT = onnx.TensorProto.FLOAT


def test_a_static_style_export_has_nothing_left_to_set(tmp_path: Path) -> None:
    path = export(tmp_path, "fast-neural-style", ExportOptions(profile="static", size=(64, 32)))
    graph = onnx.load(path).graph
    assert shapes(graph.input) == {"content": (FLOAT, [1, 3, 32, 64])}
    assert shapes(graph.output) == {"image": (FLOAT, [1, 3, 32, 64])}
    layer = np.random.RandomState(0).rand(32, 64, 3).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"content": layer.transpose(2, 0, 1)[None]})
    assert 0 <= found.min() < found.max() <= 1
    assert np.array_equal(found[0].transpose(1, 2, 0), open_model(path, CPU).stylize(layer)[0])


def test_a_static_generator_takes_one_latent(tmp_path: Path) -> None:
    path = export(tmp_path, "dcgan", ExportOptions(profile="static"))
    graph, manifest = onnx.load(path).graph, open_model(path, CPU).manifest
    assert shapes(graph.input) == {"z": (FLOAT, [1, manifest.z_dim])}
    assert shapes(graph.output) == {"image": (FLOAT, [1, 3, manifest.height, manifest.width])}
    assert manifest.verification is not None


@pytest.mark.parametrize("profile", ["full", "plain"])
def test_other_profiles_leave_the_batch_to_be_set(tmp_path: Path, profile) -> None:
    graph = onnx.load(export(tmp_path, "dcgan", ExportOptions(profile=profile))).graph
    assert shapes(graph.input)["z"][1][0] == -1
