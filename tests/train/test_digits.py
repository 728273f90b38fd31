"""The example of every course: real handwritten digits, by both of the tutorials' networks, with every loss."""

from __future__ import annotations

import math

import pytest
import torch

from ganplugin.models.players.player import Picture, reproducible
from ganplugin.train.game import Game, GameOptions
from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.objectives import OBJECTIVES
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import gather
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.recipes import RECIPES
from ganplugin.train.recipes.choices import Choices, adapted
from tests.assets import fetched
from tests.source import load_script

run_results, make_digits = load_script("run_results"), load_script("make_digits")


@pytest.fixture(scope="session")
def digits() -> PackedSet:
    return gather([fetched("digits") / "digits.zip"], Policy(width=28, height=28, channels=1))[0]


def learner(digits: PackedSet, recipe: str, **choices: object) -> GeneratorTrainer:
    chosen = adapted(RECIPES[recipe], Choices(**choices))  # type: ignore[arg-type]
    with reproducible(0):
        pair = chosen.make(Picture(*digits.shape), chosen.width, chosen)
    return GeneratorTrainer(Game(chosen, pair, digits, GameOptions(), torch.device("cpu")), {}, {})


def test_they_are_what_the_example_says(digits: PackedSet) -> None:
    assert (len(digits), digits.shape) == (10_000, (1, 28, 28))


@pytest.mark.parametrize("loss", OBJECTIVES.entries)
@pytest.mark.parametrize("recipe", make_digits.WIDTHS)
def test_each_loss_plays_on_them(digits: PackedSet, recipe: str, loss: str) -> None:
    made = learner(digits, recipe, loss=loss, width=8, batch=16)
    losses = [value for part in (0.0, 0.5) for value in made.advance(part).values()]
    assert all(math.isfinite(value) for value in losses)
    assert made.paint(0, 3).shape == (3, 1, 28, 28)


def test_the_script_knows_every_loss_and_the_tutorials_networks() -> None:
    assert set(run_results.LOSSES) == set(OBJECTIVES.entries)
    assert RECIPES["mlp"].width == int(make_digits.WIDTHS["mlp"])


def test_a_few_steps_find_the_dark_ground(digits: PackedSet) -> None:
    """At first pictures are mid-grey; digits are white on black."""
    made = learner(digits, "dcgan", width=8, learning_rate=2e-3)
    assert made.paint(0, 64).mean() > 0.4
    for _ in range(120):
        made.advance(0.5)
    assert made.paint(0, 64).mean() < 0.35
