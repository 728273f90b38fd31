from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganplugin.models.players.player import Picture
from ganplugin.train.held_out import HeldOut
from ganplugin.train.metrics.backbones.random_convolutions import random_convolutions
from ganplugin.train.recipes import RECIPES
from ganplugin.train.watch.looking import Looking
from ganplugin.train.watch.opinions import opinions_of
from ganplugin.train.watch.watching import GeneratorWatch
from tests.train.test_game import differing
from tests.train.tiny import noise as noise_of
from tests.train.tiny import square, trainer
from tests.train.watch.runs import CPU, levels, train, watched


def watch_of(name: str, folder: Path, picture: Picture | None = None) -> GeneratorWatch:
    """A watch over a tiny training of any recipe, whose unseen pictures are noise too."""
    made, picture = trainer(name, picture), picture or square(name)
    held = HeldOut(made.game.pictures, made.game.pictures, noise_of(picture, 20, seed=9), 0.5, 0, "")
    return GeneratorWatch(made, held, Looking(held, random_convolutions(CPU), None, samples=30), folder)


@pytest.mark.parametrize("name", RECIPES.entries)
def test_watching_changes_nothing_of_a_training(name: str, tmp_path: Path) -> None:
    watch, other = watch_of(name, tmp_path), trainer(name)
    random = torch.random.get_rng_state()
    for step in range(3):
        watch.follow(watch.trainer.advance(step / 6))
        other.advance(step / 6)
        if step == 1:
            watch.measure()
            watch.verdicts()
    assert differing(watch.trainer.state(), other.state()) == []
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(player.training for player in (watch.trainer.game.painter, watch.trainer.game.judge))


def test_measuring_is_the_same_each_time_and_names_the_backbone(tmp_path: Path) -> None:
    watch = watched("mlp", tmp_path, width=8)
    train(watch, 4)
    first = watch.measure()
    assert first == watch.measure()
    assert next(iter(first)) == "kid"
    assert first["backbone"] == "random convolutions (untrained)"
    opinions, again = (opinions_of(watch.trainer.game, watch.trainer.game.pictures) for _ in range(2))
    assert (opinions.made == again.made).all()


@pytest.mark.parametrize("picture", [Picture(4, 12, 20, 3), Picture(1, 12, 20)])
def test_alpha_grey_oblong_pictures_and_classes_are_watched(picture: Picture, tmp_path: Path) -> None:
    watch = watch_of("quick", tmp_path, picture)
    train(watch, 2)
    assert set(levels(watch)) == {"collapse", "overfitting", "memorisation", "vanishing-gradients", "imbalance"}
    with Image.open(tmp_path / "copies.png") as sheet:
        assert sheet.size == (12 * 22 - 2, 4 * 14 - 2)


def test_without_pictures_held_out_there_are_no_metrics_but_copies_are_found(tmp_path: Path) -> None:
    made = trainer("mlp")
    held = HeldOut(made.game.pictures, made.game.pictures, None, 0.0, 0, "")
    watch = GeneratorWatch(made, held, Looking(held, random_convolutions(CPU), None, samples=30), tmp_path)
    train(watch, 2)
    assert watch.measure() == {}
    found = {one.name: one for one in watch.verdicts()}
    assert found["overfitting"].level == "unknown"
    assert "no pictures are held out" in found["overfitting"].words
    assert "not looked at" not in found["memorisation"].words
    assert (tmp_path / "copies.png").exists()


def test_without_looking_the_rest_is_watched(tmp_path: Path) -> None:
    watch = watched("mlp", tmp_path, width=8, looking=False)
    train(watch, 30)
    assert watch.measure() == {}
    found = {one.name: one.level for one in watch.verdicts()}
    assert found["collapse"] == found["memorisation"] == "unknown"
    assert "unknown" not in (found["overfitting"], found["vanishing-gradients"], found["imbalance"])
    assert not (tmp_path / "copies.png").exists()


def test_what_a_watch_remembers_is_plain_and_comes_back(tmp_path: Path) -> None:
    watch, other = (watched("mlp", tmp_path, width=8, looking=False) for _ in range(2))
    train(watch, 30)
    other.restore(json.loads(json.dumps(watch.state())))
    assert other.state() == watch.state()
    assert other.gradients.verdict() == watch.gradients.verdict()
    assert other.balance.verdict() == watch.balance.verdict()


def test_the_first_steps_are_too_early_to_tell(tmp_path: Path) -> None:
    watch = watched("mlp", tmp_path, width=8, looking=False)
    assert {one.level for one in train(watch, 8)} == {"unknown"}


def test_a_young_run_is_not_praised(tmp_path: Path) -> None:
    """Bug: after a minute everything but the collapse was called good."""
    young, grown = (watched("mlp", tmp_path, width=8, usable_kimg=kimg) for kimg in (1000.0, 0.0))
    for watch in (young, grown):
        train(watch, 30)
        watch.measure()
    said = {one.name: one for one in young.verdicts()}
    praised = [one.name for one in grown.verdicts() if one.level == "good"]
    assert praised
    assert {said[name].level for name in praised} == {"unknown"}
    assert all(said[name].words.startswith("too early to tell: ") for name in praised)
