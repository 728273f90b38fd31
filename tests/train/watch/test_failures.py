"""Every failure is made to happen, by real training, and is named; a healthy training is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ganplugin.train.recipes.recipe import Averaging, Ramp, Recipe
from ganplugin.train.watch.verdict import Verdict
from ganplugin.train.watch.watching import GeneratorWatch
from tests.train.watch.runs import levels, noise, rates, train, watched

ALL = {"collapse", "overfitting", "memorisation", "vanishing-gradients", "imbalance"}


def verdict(watch: GeneratorWatch, name: str) -> Verdict:
    watch.measure()
    return next(one for one in watch.verdicts() if one.name == name)


def short_memory(recipe: Recipe) -> Recipe:
    return replace(recipe, averaging=Averaging(1.0))


@pytest.mark.parametrize(("name", "steps"), [("quick", 100), ("r3-small", 150)])
def test_a_healthy_training_is_good_in_every_way(name: str, steps: int, tmp_path: Path) -> None:
    width = {"quick": 8, "r3-small": 16}[name]
    watch = watched(name, tmp_path, width=width, learning_rate=1e-3, change=short_memory)
    said = train(watch, steps)
    assert levels(watch) == dict.fromkeys(ALL, "good")
    assert not [one for one in said if one.level in ("watch", "bad")]
    assert not any(one.fix for one in watch.verdicts())


def test_a_generator_that_learns_alone_collapses_on_what_the_frozen_scorer_likes(tmp_path: Path) -> None:
    watch = watched("mlp", tmp_path, width=16, change=rates(1e-2, 0.0))
    train(watch, 60)
    found = verdict(watch, "collapse")
    assert (found.level, found.words[:5]) == ("bad", "100 %")
    assert "--learning-rate" in found.fix


def test_a_young_generator_is_not_said_to_have_collapsed(tmp_path: Path) -> None:
    watch = watched("mlp", tmp_path, width=16, change=rates(1e-2, 0.0), usable_kimg=100)
    train(watch, 60)
    found = verdict(watch, "collapse")
    assert (found.level, found.fix) == ("unknown", "")
    assert "too early" in found.words


def test_a_scorer_that_sees_16_pictures_again_and_again_overfits(tmp_path: Path) -> None:
    watch = watched("dcgan", tmp_path, side=16, count=16, width=8, pictures=noise, change=rates(2e-4, 1e-3))
    train(watch, 60)
    found = verdict(watch, "overfitting")
    assert found.level == "bad"
    assert "--augment" in found.fix


def test_a_generator_of_4_pictures_remembers_them(tmp_path: Path) -> None:
    watch = watched("mlp", tmp_path, count=4, width=64, learning_rate=2e-3)
    train(watch, 400)
    found = verdict(watch, "memorisation")
    assert found.level == "bad"
    assert "of 4 training pictures" in found.words
    assert "copies.png" in found.fix
    assert (tmp_path / "copies.png").is_file()


def test_the_minimax_gradient_vanishes_before_a_scorer_that_is_sure(tmp_path: Path) -> None:
    change = rates(2e-4, 5e-3)
    watch = watched("mlp", tmp_path, width=16, loss="minimax", looking=False,
                    change=lambda recipe: replace(change(recipe), scorer_steps=4))  # fmt: skip
    said = train(watch, 60)
    assert said[-2].name == "vanishing-gradients"
    assert said[-2].level == "bad"
    assert "non-saturating" in said[-2].fix


def test_the_non_saturating_gradient_does_not(tmp_path: Path) -> None:
    change = rates(2e-4, 5e-3)
    watch = watched("mlp", tmp_path, width=16, loss="non-saturating", looking=False,
                    change=lambda recipe: replace(change(recipe), scorer_steps=4))  # fmt: skip
    assert train(watch, 60)[-2].level == "good"


def test_a_scorer_a_hundred_times_as_fast_wins(tmp_path: Path) -> None:
    watch = watched("mlp", tmp_path, width=16, looking=False, change=rates(2e-4, 2e-2))
    found = train(watch, 60)[-1]
    assert (found.name, found.level) == ("imbalance", "bad")
    assert "scorer wins" in found.fix


@pytest.mark.parametrize("loss", ["non-saturating", "hinge", "lsgan", "relativistic", "wgan"])
def test_a_scorer_that_no_longer_learns_loses(loss: str, tmp_path: Path) -> None:
    watch = watched("mlp", tmp_path, width=16, loss=loss, looking=False, change=rates(1e-3, 1e-3))
    train(watch, 60)
    recipe = watch.trainer.game.recipe
    watch.trainer.game.recipe = replace(recipe, scorer_rate=Ramp.flat(0.0), generator_rate=Ramp.flat(5e-3))
    found = train(watch, 60)[-1]
    assert (found.name, found.level) == ("imbalance", "bad")
    assert "scorer loses" in found.fix
