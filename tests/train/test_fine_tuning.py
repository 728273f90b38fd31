"""``--from``: any file with both networks is trained on, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganplugin.errors import CheckpointError, InputError
from ganplugin.export import export_checkpoint
from ganplugin.export.inspection import inspect_checkpoint
from ganplugin.modelfile import read_manifest
from ganplugin.train.checkpoint import read_checkpoint
from ganplugin.train.recipes import RECIPES
from tests.models.stylegan2_reference import discriminator_state, generator_state, mapping_state
from tests.train.test_command import call, error_of
from tests.train.tiny import trainer

SHORT = ("--kimg", "0.004", "--batch", "4", "--precision", "fp32", "--layout", "plain")


@pytest.mark.parametrize("name", RECIPES.entries)
def test_what_a_recipe_trained_is_trained_on(name: str, folder: Path, tmp_path: Path) -> None:
    made = trainer(name)
    first = tmp_path / "first.safetensors"
    made.game.advance(0.0)
    made.write_checkpoint(first, minutes=1)
    out = tmp_path / "run"
    done = call("generator", folder, "--from", first, "--freeze", 1, "--out", out, *SHORT, "--learning-rate", "1e-9")
    assert done.exit_code == 0, done.stderr or done.exception
    before, after = read_checkpoint(first)[0], read_checkpoint(out / "checkpoint.safetensors")
    assert after[1]["from"] == "first.safetensors"
    assert after[1]["training"]["recipe"] == name  # type: ignore[index]
    assert before.keys() == after[0].keys()
    assert call("generator", folder, "--out", out, "--resume", "--kimg", "0.008").exit_code == 0
    assert read_checkpoint(out / "checkpoint.safetensors")[1]["from"] == "first.safetensors"
    floats = [key for key, value in before.items() if key.endswith("weight") and value.is_floating_point()]
    assert all(torch.allclose(before[key.replace("g.", "g_ema.", 1)] if key.startswith("g.") else before[key],
                              after[0][key], atol=1e-3) for key in floats)  # fmt: skip


def test_a_foreign_stylegan2_is_trained_on_with_frozen_layers(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = {**generator_state("skip", w_dim=7), **mapping_state(5, 7)}
    scorer = discriminator_state("resnet")
    path = tmp_path / "network.pt"
    torch.save({"G_ema": generator, "D": scorer}, path)
    out = tmp_path / "run"
    done = call("generator", folder, "--from", path, "--freeze", 2, "--out", out, *SHORT)
    assert done.exit_code == 0, done.stderr or done.exception
    tensors, _ = read_checkpoint(out / "checkpoint.safetensors")
    assert torch.equal(tensors["d.b16.fromrgb.weight"], scorer["b16.fromrgb.weight"])
    assert torch.equal(tensors["d.b16.conv0.weight"], scorer["b16.conv0.weight"])
    assert not torch.equal(tensors["d.b16.conv1.weight"], scorer["b16.conv1.weight"])
    again = call("generator", folder, "--out", out, "--resume", "--kimg", "0.008")
    assert again.exit_code == 0, again.exception
    tensors, _ = read_checkpoint(out / "checkpoint.safetensors")
    assert torch.equal(tensors["d.b16.conv0.weight"], scorer["b16.conv0.weight"])
    manifest = read_manifest(export_checkpoint(out / "checkpoint.safetensors").path)
    assert (manifest.family, manifest.width) == ("stylegan2", 16)


def test_what_is_known_of_the_rights_in_weights_one_went_on_from_stays_known(folder: Path, tmp_path: Path) -> None:
    def rights(run: Path) -> str:
        return inspect_checkpoint(run / "checkpoint.safetensors").families[0].licence

    begun, first, second = tmp_path / "begun.safetensors", tmp_path / "first", tmp_path / "second"
    trainer("r3-small").write_checkpoint(begun, minutes=1)
    assert call("generator", folder, "--from", begun, "--out", first, *SHORT, "--licence", "mine").exit_code == 0
    assert rights(first) == "mine; CC0"
    assert call("generator", folder, "--out", first, "--resume", "--kimg", "0.008").exit_code == 0
    assert rights(first) == "mine; CC0"
    assert call("generator", folder, "--from", first / "checkpoint.safetensors", "--out", second, *SHORT).exit_code == 0
    assert rights(second) == "mine; CC0"


def test_a_file_without_a_discriminator_is_refused(folder: Path, tmp_path: Path) -> None:
    made = trainer("mlp")
    torch.save({"G": made.game.painter.file_state()}, tmp_path / "g.pt")
    error = error_of("generator", folder, "--from", tmp_path / "g.pt", *SHORT)
    assert isinstance(error, CheckpointError)
    assert "discriminator" in str(error)


def test_what_contradicts_the_file_is_refused(folder: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.safetensors"
    trainer("dcgan").write_checkpoint(first, minutes=1)
    for more in (("--recipe", "mlp"), ("--size", "32"), ("--channels", "4")):
        assert isinstance(
            error_of("generator", folder, "--from", first, "--out", tmp_path / "run", *SHORT, *more), InputError
        )
