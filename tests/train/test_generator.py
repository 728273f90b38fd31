from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.modelfile import read_manifest
from ganplugin.models.players.player import Picture
from ganplugin.train.checkpoint import read_checkpoint
from ganplugin.train.recipes import RECIPES
from ganplugin.train.state import load_state, save_state
from tests.source import ROOT
from tests.train.test_game import differing, play
from tests.train.tiny import game, trainer

EACH = pytest.mark.parametrize("name", RECIPES.entries)

KILLED = """
import os, signal, sys
from pathlib import Path
import torch
# The same number: sums are added up in another order by another.
torch.set_num_threads(int(sys.argv[3]))
from tests.train.tiny import trainer
from ganplugin.train.state import save_state
made = trainer(sys.argv[1])
for step in range(9):
    if step == 8:
        save_state(Path(sys.argv[2]) / "state.pt", made.state())
        made.write_checkpoint(Path(sys.argv[2]) / "checkpoint.safetensors", minutes=1)
    made.advance(step / 20)
os.kill(os.getpid(), signal.SIGKILL)
"""


@EACH
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_20_steps_are_8_a_kill_and_12_bit_by_bit(name: str, tmp_path: Path) -> None:
    undisturbed = game(name)
    for step in range(20):
        undisturbed.advance(step / 20)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, name, str(tmp_path), str(torch.get_num_threads())],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COVERAGE_PROCESS_START": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    resumed = game(name)
    resumed.restore(load_state(tmp_path / "state.pt"))
    assert resumed.step == 8
    while resumed.step < 20:
        resumed.advance(resumed.step / 20)
    assert differing(undisturbed.state(), resumed.state()) == []


@EACH
def test_a_walk_leads_from_latent_to_latent(name: str, tmp_path: Path) -> None:
    made = trainer(name)
    play(made.game, 1)
    walk = made.walk()
    assert len(walk) == 16
    for place, latent in ((0, 0), (5, 1), (15, 3)):
        assert torch.allclose(walk[place], made.paint(latent, 1)[0], atol=1e-3), place
    assert not torch.equal(walk[2], walk[3])
    made.write_strip(tmp_path / "strip.png")
    with Image.open(tmp_path / "strip.png") as strip:
        side = made.game.picture.width
        assert strip.size == (16 * (side + 2) - 2, side)


def test_a_walk_among_classes_is_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganplugin.train.generator.drawn_classes", lambda indices, classes: np.zeros(1, np.int64))
    made = trainer("quick", Picture(1, 16, 16, 3))
    assert torch.allclose(made.walk()[0], made.paint(0, 1)[0], atol=1e-3)
    plain = trainer("dcgan", Picture(1, 16, 16, 3))
    assert torch.allclose(plain.walk()[0], plain.paint(0, 1)[0], atol=1e-3)


@EACH
def test_saving_changes_nothing_of_what_follows(name: str, tmp_path: Path) -> None:
    one, two = trainer(name), trainer(name)
    play(one.game, 1)
    play(two.game, 1)
    two.write_checkpoint(tmp_path / "c.safetensors", minutes=1)
    two.write_samples(tmp_path / "grid.png")
    two.write_strip(tmp_path / "strip.png")
    play(one.game, 2)
    play(two.game, 2)
    assert differing(one.state(), two.state()) == []


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("quick", Picture(3, 16, 16)),
        ("quick", Picture(4, 12, 20, 3)),
        ("r3-small", Picture(3, 16, 16)),
        ("r3-small", Picture(1, 12, 20, 3)),
        ("dcgan", Picture(3, 16, 16)),
        ("dcgan", Picture(1, 28, 28, 3)),
        ("mlp", Picture(3, 12, 12)),
        ("mlp", Picture(4, 8, 8, 3)),
        ("fastgan", Picture(3, 64, 64)),
        ("stylegan2", Picture(3, 16, 16)),
        ("stylegan2", Picture(4, 12, 20, 3)),
    ],
)
def test_what_a_recipe_trains_is_exported_with_its_scorer(name: str, picture: Picture, tmp_path: Path) -> None:
    made = trainer(name, picture)
    play(made.game, 2)
    path = tmp_path / "checkpoint.safetensors"
    made.write_checkpoint(path, minutes=1.25)
    exported = export_checkpoint(path)
    manifest = read_manifest(exported.path)
    assert (manifest.kind, manifest.family) == ("generator", made.game.recipe.family)
    assert (manifest.height, manifest.width) == (picture.height, picture.width)
    assert manifest.channels == {1: "L", 3: "RGB", 4: "RGBA"}[picture.channels]
    assert manifest.classes == tuple("abc"[: picture.classes])
    assert manifest.licence == "CC0"
    assert manifest.training["recipe"] == name
    assert manifest.training["steps"] == 2
    assert exported.averaged
    scorer = read_manifest(export_checkpoint(path, options=ExportOptions(part="scorer")).path)
    assert scorer.kind == "scorer"
    assert (scorer.height, scorer.width) == (picture.height, picture.width)


def test_a_file_holds_the_averaged_generator_with_its_own_statistics(tmp_path: Path) -> None:
    made = trainer("quick")
    play(made.game, 3)
    made.write_checkpoint(tmp_path / "c.safetensors", minutes=1)
    tensors, config = read_checkpoint(tmp_path / "c.safetensors")
    assert config["training"]["loss"] == "hinge"  # type: ignore[index]
    ready = made.ready().file_state()
    assert all(torch.equal(tensors[f"g_ema.{key}"], value) for key, value in ready.items())
    assert not torch.equal(ready["w_avg"], made.game.average.file_state()["w_avg"])
    assert {key.partition(".")[0] for key in tensors} == {"g_ema", "g", "d"}


def test_pictures_of_an_index_never_change() -> None:
    made = trainer("stylegan2", Picture(3, 16, 16, 3))
    play(made.game, 1)
    whole = made.paint(0, 6)
    assert whole.shape == (6, 3, 16, 16)
    assert float(whole.min()) >= 0
    assert float(whole.max()) <= 1
    assert torch.equal(whole, made.paint(0, 6))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_samples_are_a_sheet_of_64(channels: int, tmp_path: Path) -> None:
    trainer("quick", Picture(channels, 16, 16)).write_samples(tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.size == (8 * 18 - 2, 8 * 18 - 2)
        assert np.asarray(sheet).std() > 0


def test_a_run_of_the_first_release_goes_on(tmp_path: Path) -> None:
    """Version 1 of the state: the quick networks bare, no version, and a random generator's state."""
    made = game("quick")
    play(made, 2)
    now = made.state()
    bare = {
        name: {key.removeprefix("network."): value for key, value in now[name].items()}  # type: ignore[attr-defined]
        for name in ("generator", "scorer", "average")
    }
    optimizers = {name: now[name] for name in ("generator_optimizer", "scorer_optimizer")}
    old = {"step": 2, "config": {"size": 16, "width": 4}, "random": torch.zeros(4), **bare, **optimizers}
    torch.save({"trainer": old, "seconds": 12.5}, tmp_path / "state.pt")
    state = load_state(tmp_path / "state.pt")
    assert state["seconds"] == 12.5
    again = game("quick")
    again.restore(state["trainer"])  # type: ignore[arg-type]
    expected = {**now, "sampler": again.sampler.state()}
    assert differing(expected, again.state()) == []
    again.advance(0.5)
    save_state(tmp_path / "state.pt", again.state())
