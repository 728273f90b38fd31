from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from ganplugin.errors import ExportError, InputError
from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.export.clean_weights import prove_weights, weight_bytes
from ganplugin.export.exporting import _read
from ganplugin.export.selection import chosen
from ganplugin.models.families import FAMILIES
from tests.export.files import WRITERS
from tests.models.test_dcgan import example_discriminator, example_generator, state_of
from tests.models.test_mlp import tutorial_state
from tests.models.test_rosinality import state as rosinality_state

WEIGHTS = ExportOptions(format="safetensors")


def tensors_of(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as file:
        assert file.metadata()["format"] == "pt"
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def test_wrappers_are_gone_and_every_bit_is_there(tmp_path: Path) -> None:
    state = state_of(example_generator(5, (6, 4), 3))
    content = {"netG": {f"module.{key}": tensor for key, tensor in state.items()}, "epoch": 3}
    path = WRITERS["legacy torch"](tmp_path / "checkpoint_7.pth.tar", content)
    done = export_checkpoint(path, options=WEIGHTS)
    assert done.path == tmp_path / "checkpoint_7.safetensors"
    found = tensors_of(done.path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], tensor) for key, tensor in state.items())


def test_the_weights_export_to_the_same_model(tmp_path: Path) -> None:
    """With settings that no tensor tells: what was given once need not be given again."""
    path = WRITERS["torch zip"](tmp_path / "g.pth", tutorial_state((5, 8, 9, 64)))
    given = {"bn_eps": "1e-5", "last_activation": "sigmoid"}
    direct = export_checkpoint(path, tmp_path / "a.onnx", ExportOptions(settings=given))
    clean = export_checkpoint(path, options=ExportOptions(format="safetensors", settings=given))
    again = export_checkpoint(clean.path, tmp_path / "b.onnx")
    values = [{fact.name: fact.value for fact in done.manifest.inferred} for done in (direct, again)]
    assert values[0]["norm epsilon"] == values[1]["norm epsilon"] == 1e-5
    assert values[1]["last activation"] == "sigmoid"


def test_single_tensors_beside_the_network_go_along(tmp_path: Path) -> None:
    state, centre = rosinality_state(), torch.full((7,), 0.25)
    width = state["style.1.weight"].shape[0]
    centre = torch.linspace(-1, 1, width)
    path = WRITERS["torch zip"](tmp_path / "x.pt", {"g_ema": state, "latent_avg": centre})
    clean = export_checkpoint(path, options=WEIGHTS)
    choice = chosen(_read([clean.path], FAMILIES), ExportOptions(), FAMILIES)
    assert torch.equal(choice.network.module.centre, centre)
    assert choice.match.part.state.keys() == state.keys()


def test_a_file_of_weights_is_not_written_over_itself(tmp_path: Path) -> None:
    path = WRITERS["safetensors"](tmp_path / "x.safetensors", state_of(example_generator(5, (6, 4), 3)))
    assert export_checkpoint(path, options=WEIGHTS).path == tmp_path / "x-clean.safetensors"


def test_the_scorer_goes_into_a_second_file(tmp_path: Path) -> None:
    content = {
        "netG": state_of(example_generator(5, (6, 4), 3)),
        "netD": state_of(example_discriminator(3, (4, 6))),
    }
    path = WRITERS["torch zip"](tmp_path / "both.pt", content)
    done = export_checkpoint(path, options=ExportOptions(format="safetensors", with_scorer=True))
    assert done.scorer is not None
    assert tensors_of(done.scorer.path).keys() == content["netD"].keys()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "both-scorer.safetensors",
        "both.pt",
        "both.safetensors",
    ]
    with pytest.raises(InputError, match="writes a scorer beside a generator"):
        export_checkpoint(path, options=ExportOptions(part="scorer", with_scorer=True), out=tmp_path / "x.onnx")


def test_a_changed_tensor_fails_the_proof(tmp_path: Path) -> None:
    state = state_of(example_generator(5, (6, 4), 3))
    path = WRITERS["torch zip"](tmp_path / "x.pt", state)
    choice = chosen(_read([path], FAMILIES), ExportOptions(), FAMILIES)
    manifest = export_checkpoint(path, options=WEIGHTS).manifest
    content = bytearray(weight_bytes(choice, manifest))
    content[-1] ^= 1
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(ExportError, match="that was written differs"):
        prove_weights(tmp_path / "bad.safetensors", choice)


@pytest.mark.parametrize(
    "wish", [{"profile": "plain"}, {"size": (64, 64)}, {"precision": "fp16"}, {"opset": 17}], ids=lambda wish: str(wish)
)
def test_graph_options_are_not_for_weights(wish: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no graph to shape"):
        ExportOptions(format="safetensors", **wish)
