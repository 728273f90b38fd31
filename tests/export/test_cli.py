from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from ganplugin.cli.export import command as export
from ganplugin.cli.inspect import command as inspect
from ganplugin.errors import CheckpointError, DependencyError
from ganplugin.models.quick import QuickGenerator
from ganplugin.models.quick_scorer import QuickDiscriminator
from ganplugin.models.quick_shape import QuickConfig
from ganplugin.models.stylizer import Stylizer, StylizerConfig
from ganplugin.train.checkpoint import prefixed, save_checkpoint
from tests.export.files import WRITERS
from tests.models.test_dcgan import example_discriminator, example_generator, state_of
from tests.tiny_models import tiny_generator

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    content = {
        "netG_state_dict": state_of(example_generator(5, (6, 4), 3)),
        "netD_state_dict": state_of(example_discriminator(3, (4, 6))),
    }
    return WRITERS["torch zip"](tmp_path_factory.mktemp("both") / "weights.tar", content)


def lively(module: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
    return module


def test_export_prints_what_it_found_and_how_to_get_the_rest(both: Path) -> None:
    result = RUNNER.invoke(export, [str(both), "--name", "faces"], catch_exceptions=False)
    assert result.exit_code == 0
    for words in (
        "dcgan",
        "netG_state_dict",
        "the common default",
        "equals PyTorch",
        "--part netD_state_dict",
        "weights.onnx",
    ):
        assert words in result.stdout
    shown = RUNNER.invoke(inspect, [str(both.with_name("weights.onnx"))], catch_exceptions=False).stdout
    for words in ("faces", "input z", "required", "output image", "proof", "opset 18"):
        assert words in shown


def test_json_of_export_and_inspect_is_clean(both: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.onnx"
    arguments = [str(both), "--part", "scorer", "--out", str(out), "--json"]
    document = json.loads(RUNNER.invoke(export, arguments, catch_exceptions=False).stdout)
    assert document["file"] == str(out)
    assert document["manifest"]["kind"] == "scorer"
    seen = json.loads(RUNNER.invoke(inspect, [str(out), "--json"], catch_exceptions=False).stdout)
    assert seen["manifest"] == document["manifest"]
    assert seen["problem"] is None
    seen = json.loads(RUNNER.invoke(inspect, [str(both), "--json"], catch_exceptions=False).stdout)
    assert [family["id"] for family in seen["families"]] == ["dcgan", "dcgan-scorer"]


def test_our_own_checkpoints(tmp_path: Path) -> None:
    shape = QuickConfig(size=16, z_dim=6, w_dim=8, width=4, scorer_width=4)
    path = tmp_path / "checkpoint.safetensors"
    generator, discriminator = lively(QuickGenerator(shape)), QuickDiscriminator(shape)
    modules = {"g_ema": generator, "g": QuickGenerator(shape), "d": discriminator}
    tensors = {}
    for name, module in modules.items():
        tensors |= prefixed(name, module.state_dict())
    config = {name: getattr(shape, name) for name in shape.__dataclass_fields__}
    save_checkpoint(path, tensors, {"config": config})
    document = json.loads(RUNNER.invoke(export, [str(path), "--json"], catch_exceptions=False).stdout)
    assert (document["manifest"]["family"], document["part"]) == ("ganplugin-quick", "g_ema")
    assert document["manifest"]["num_ws"] == shape.num_ws
    assert document["manifest"]["verification"]["cases"] >= 11
    scorer = json.loads(RUNNER.invoke(export, [str(path), "--part", "scorer", "--json"], catch_exceptions=False).stdout)
    assert scorer["manifest"]["family"] == "ganplugin-quick-scorer"
    assert scorer["file"].endswith("checkpoint-scorer.onnx")


def test_our_own_styles(tmp_path: Path) -> None:
    path = tmp_path / "style.safetensors"
    module = lively(Stylizer(StylizerConfig(styles=2, widths=(4, 4, 4), residuals=1)))
    save_checkpoint(path, prefixed("stylizer", module.state_dict()), {"styles": ["wave", "night"]})
    document = json.loads(RUNNER.invoke(export, [str(path), "--json"], catch_exceptions=False).stdout)
    assert document["manifest"]["family"] == "ganplugin-stylizer"
    assert document["manifest"]["styles"] == ["wave", "night"]


def test_inspect_of_a_checkpoint_and_of_a_stranger(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"encoder.weight": torch.ones(2)}, path)
    shown = RUNNER.invoke(inspect, [str(path)], catch_exceptions=False).stdout
    assert "safetensors" in shown
    assert "no network of a family that is known here (1 tensor such as encoder.weight)" in " ".join(shown.split())
    path.write_text("<html>")
    with pytest.raises(CheckpointError, match="web page"):
        RUNNER.invoke(inspect, [str(path)], catch_exceptions=False)


def test_names_in_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(1)}, path, metadata={"ganplugin": json.dumps({"note": "\x1b[2Jgone"})})
    shown = RUNNER.invoke(inspect, [str(path)], catch_exceptions=False).stdout
    assert "gone" in shown
    assert "\x1b" not in shown


def test_an_onnx_file_is_not_exported_again(tmp_path: Path) -> None:
    path = tiny_generator(tmp_path / "g.onnx")
    with pytest.raises(CheckpointError, match="is a ganplugin model already - use it as it is"):
        RUNNER.invoke(export, [str(path)], catch_exceptions=False)


def test_a_refused_file_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"\x89HDF\r\n")
    run = subprocess.run(
        [sys.executable, "-m", "ganplugin", "export", str(path)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (CheckpointError.exit_code, "")
    assert run.stderr.count("\n") == 1
    assert "convert its weights to PyTorch" in run.stderr


def test_inspect_of_a_model_loads_no_torch_and_checkpoints_ask_for_it(tmp_path: Path) -> None:
    tiny_generator(tmp_path / "g.onnx")
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no torch here', name='torch')")
    WRITERS["torch zip"](tmp_path / "x.pt", {"a": torch.ones(1)})
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ganplugin", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    shown = call("inspect", str(tmp_path / "g.onnx"), "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["manifest"]["name"] == "tiny"
    for name in ("inspect", "export"):
        refused = call(name, str(tmp_path / "x.pt"))
        assert refused.returncode == DependencyError.exit_code
        assert "pip install 'ganplugin[train]'" in refused.stderr
