"""Hostile ONNX files: nothing outside the file is read, and nothing crashes or prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from onnx import ModelProto, TensorProto

from ganplugin.errors import CheckpointError, DependencyError, ModelError
from ganplugin.export.adopt import adopt_onnx
from ganplugin.modelfile import read_model
from ganplugin.seal import sealed
from tests.export.foreign_files import MIX, ForeignGraph
from tests.tiny_models import tiny_generator

ROOT = Path(__file__).resolve().parents[2]
SECRET = b"a secret of some length, at least as long as the tensor is in bytes" * 4


def absolute(folder: Path) -> str:
    return str(folder / "secret.bin")


def symbolic(folder: Path) -> str:
    (folder / "inside" / "link.bin").symlink_to(folder / "secret.bin")
    return "link.bin"


def through_a_linked_folder(folder: Path) -> str:
    (folder / "inside" / "up").symlink_to(folder, target_is_directory=True)
    return "up/secret.bin"


def hard_link(folder: Path) -> str:
    os.link(folder / "secret.bin", folder / "inside" / "hard.bin")
    return "hard.bin"


LOCATIONS: dict[str, Callable[[Path], str]] = {
    "parent": lambda _: "../secret.bin",
    "nested parent": lambda _: "a/../../secret.bin",
    "dotted parent": lambda _: "./.././secret.bin",
    "absolute": absolute,
    "file address": lambda folder: f"file://{folder}/secret.bin",
    "symbolic link": symbolic,
    "linked folder": through_a_linked_folder,
    "hard link": hard_link,
    "backslash": lambda _: "..\\secret.bin",
    "drive": lambda _: "C:\\secret.bin",
    "zero byte": lambda _: "link.bin\x00../secret.bin",
    "case": lambda _: "../SECRET.BIN",
    "empty": lambda _: "",
    "device": lambda _: "/dev/zero",
    "process": lambda _: "/proc/self/environ",
}


def point_outside(proto: ModelProto, location: str, **more: str) -> None:
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.data_type == TensorProto.FLOAT)
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", **more}.items():
        tensor.external_data.add(key=key, value=value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.bin").write_bytes(SECRET)
    return tmp_path


@pytest.mark.parametrize("trick", LOCATIONS)
def test_a_model_file_reads_nothing_outside_itself(folder: Path, trick: str) -> None:
    path = tiny_generator(folder / "inside" / "m.onnx")
    proto, _ = read_model(path)
    point_outside(proto, LOCATIONS[trick](folder))
    path.write_bytes(sealed(proto.SerializeToString()))
    with pytest.raises(ModelError, match="in another file"):
        read_model(path)


@pytest.mark.parametrize("trick", LOCATIONS)
def test_a_foreign_file_that_is_adopted_reads_nothing_outside_itself(folder: Path, trick: str) -> None:
    graph = ForeignGraph()
    wide = graph.op("Conv", graph.input("x", (1, 3, 16, 16)), graph.constant(MIX[:, :, None, None]))
    graph.output(graph.op("Tanh", wide), (1, 3, 16, 16))
    path = graph.save(folder / "inside" / "theirs.onnx")
    proto = ModelProto.FromString(path.read_bytes())
    point_outside(proto, LOCATIONS[trick](folder), length="36")
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(CheckpointError, match="cannot be read"):
        adopt_onnx(path)
    assert [entry.name for entry in (folder / "inside").iterdir() if entry.suffix == ".onnx"] == ["theirs.onnx"]


@pytest.mark.parametrize("place", ["initializer", "attribute", "branch", "function"])
def test_an_old_onnx_is_not_let_near_other_files(folder: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr("onnx.__version__", "1.16.1")
    graph = ForeignGraph()
    graph.output(graph.op("Tanh", graph.input("x", (1, 3, 16, 16))), (1, 3, 16, 16))
    path = graph.save(folder / "inside" / "theirs.onnx")
    adopt_onnx(path, folder / "adopted.onnx")
    proto = ModelProto.FromString(path.read_bytes())
    hidden = proto.functions.add(name="f", domain="theirs") if place == "function" else proto.graph
    if place == "branch":
        hidden = hidden.node.add(op_type="If").attribute.add(name="then_branch").g
    tensor = hidden.node.add(op_type="Constant").attribute.add(name="value").t
    if place == "initializer":
        tensor = proto.graph.initializer.add(name="w")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(DependencyError, match="unsafe with an old onnx"):
        adopt_onnx(path)


@pytest.mark.parametrize("stage", ["parse", "run"])
def test_damaged_onnx_never_crashes_or_prints(tmp_path: Path, stage: str) -> None:
    """Two thousand damaged files are read, forty of them as far as onnxruntime, each process to its end."""
    graph = ForeignGraph()
    wide = graph.op("Conv", graph.input("x", (1, 3, 16, 16)), graph.constant(MIX[:, :, None, None]))
    graph.output(graph.op("Tanh", wide), (1, 3, 16, 16))
    path = graph.save(tmp_path / "good.onnx")
    run = subprocess.run(
        [sys.executable, "-m", "tests.attacks.damaging", str(path), stage],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    verdicts = json.loads(run.stdout)
    assert sum(verdicts.values()) == (2000 if stage == "parse" else 40)
    assert verdicts["refused"] > sum(verdicts.values()) / 5
