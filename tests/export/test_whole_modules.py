"""Networks that were saved whole, as ``torch.save(model)`` does it: classes that nobody here knows, and no code run."""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganplugin.export import export_checkpoint
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import Match, matches_of
from ganplugin.models.families import FAMILIES
from ganplugin.runtime import RuntimeOptions, open_model
from tests.models.test_dcgan import example_discriminator, example_generator


class Generator(nn.Module):
    """The example's generator under the name that its users give it."""

    def __init__(self) -> None:
        super().__init__()
        self.ngpu = 1
        self.main = example_generator(6, (8, 4), 3)

    def forward(self, z: Tensor) -> Tensor:
        pictures: Tensor = self.main(z)
        return pictures


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(*example_discriminator(3, (4, 8)), nn.Sigmoid()).eval()

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.main(image)
        return scores


GONE = "somebodys_training_script"


@pytest.fixture(autouse=True)
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their classes in a module that can be found while saving alone."""
    for kind in (Generator, Discriminator):
        monkeypatch.setattr(kind, "__module__", GONE)


def saved(path: Path, value: object, monkeypatch: pytest.MonkeyPatch, container: str = "torch zip") -> Path:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, GONE, sys.modules[__name__])
        if container == "raw pickle":
            path.write_bytes(pickle.dumps(value))
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # old torch files try to keep the source text
                torch.save(value, path, _use_new_zipfile_serialization=container == "torch zip")
    return path


def first(path: Path) -> Match:
    return matches_of(load_checkpoint(path), FAMILIES)[0]


def pictures(match: Match, z: Tensor) -> Tensor:
    made: Tensor = match.family.rebuild(match.part.state, match.part.config).module(z)
    return made


@pytest.mark.parametrize("container", ["torch zip", "legacy torch", "raw pickle"])
def test_a_generator_saved_whole_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str) -> None:
    module = Generator()
    match = first(saved(tmp_path / "generator.pt", module, monkeypatch, container))
    assert (match.family.id, match.part.config["class"]) == ("dcgan", f"{GONE}.Generator")
    z = torch.randn(3, 6)
    assert torch.allclose(pictures(match, z), module(z[:, :, None, None]) / 2 + 0.5, atol=1e-6)


@pytest.mark.parametrize("name", ["netG", "model", "generator"])
def test_one_inside_a_checkpoint_and_inside_data_parallel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    module = Generator()
    content = {"epoch": 7, name: nn.DataParallel(module), "netD": Discriminator(), "losses": [0.5, 0.25]}
    path = saved(tmp_path / "checkpoint_epoch7.pth.tar", content, monkeypatch)
    matches = {match.family.id: match for match in matches_of(load_checkpoint(path), FAMILIES)}
    assert set(matches) == {"dcgan", "dcgan-scorer"}
    assert matches["dcgan"].part.path == name
    z = torch.randn(2, 6)
    assert torch.allclose(pictures(matches["dcgan"], z), module(z[:, :, None, None]) / 2 + 0.5, atol=1e-6)


def test_a_discriminator_saved_whole_is_exported_as_a_scorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Discriminator()
    done = export_checkpoint(saved(tmp_path / "discriminator_full.pth", module, monkeypatch))
    assert (done.manifest.family, done.part) == ("dcgan-scorer", "")
    images = torch.rand(2, 3, 16, 16)
    scores = open_model(done.path, RuntimeOptions(device="cpu")).run({"image": images.numpy()})["score"]
    assert torch.allclose(torch.from_numpy(scores).sigmoid(), module(images * 2 - 1).flatten(), atol=1e-5)


def test_the_layers_of_a_pickled_module_are_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = first(saved(tmp_path / "g.pt", Generator(), monkeypatch)).part.config["modules"]
    assert isinstance(layers, dict)
    assert layers["main.1"]["class"] == "torch.nn.modules.batchnorm.BatchNorm2d"
    assert layers["main.1"]["eps"] == 1e-5
    assert list(layers)[:3] == ["main", "main.0", "main.1"]
    assert layers["main.0"]["stride"] == (1, 1)


def test_the_words_of_a_wrapped_module_have_the_names_of_its_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = first(saved(tmp_path / "g.pt", Generator(), monkeypatch)).part
    wrapped = first(saved(tmp_path / "w.pt", nn.DataParallel(Generator()), monkeypatch)).part
    assert wrapped.config["modules"] == plain.config["modules"]
    assert wrapped.config["class"] == plain.config["class"] == f"{GONE}.Generator"
    assert list(wrapped.state) == list(plain.state)
