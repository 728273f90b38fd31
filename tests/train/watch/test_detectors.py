"""The arithmetic of the detectors, on numbers that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from ganplugin.train.metrics.neighbours import copies
from ganplugin.train.objectives import OBJECTIVES
from ganplugin.train.recipes import RECIPES
from ganplugin.train.watch.collapse import Crowd, collapse, crowd_of
from ganplugin.train.watch.gradients import Gradients, gain, norm_of
from ganplugin.train.watch.imbalance import loss_of_no_opinion
from ganplugin.train.watch.memorisation import memorisation
from ganplugin.train.watch.opinions import Opinions
from ganplugin.train.watch.overfitting import overfitting, remedy


@pytest.mark.parametrize(
    ("name", "loss"),
    [("minimax", 2 * math.log(2)), ("hinge", 2.0), ("lsgan", 0.25), ("relativistic", math.log(2)), ("wgan", 0.0)],
)
def test_the_loss_of_no_opinion(name: str, loss: float) -> None:
    assert loss_of_no_opinion(OBJECTIVES[name]) == pytest.approx(loss, abs=1e-9)


def test_what_a_loss_hands_on() -> None:
    sigmoid = 1 / (1 + math.exp(6))
    assert gain(OBJECTIVES["minimax"], 6.0, -6.0) == pytest.approx(2 * sigmoid)
    assert gain(OBJECTIVES["non-saturating"], 6.0, -6.0) == pytest.approx(2 * (1 - sigmoid))
    assert gain(OBJECTIVES["hinge"], 6.0, -6.0) == 1
    assert gain(OBJECTIVES["non-saturating"], -6.0, 6.0) == 1  # the scorer is wrong: nothing needs saying


def test_the_norm_is_that_of_all_gradients_together() -> None:
    player = nn.Linear(2, 1)
    assert norm_of(player) == 0
    player.weight.grad, player.bias.grad = torch.tensor([[2.0, 3.0]]), torch.tensor([6.0])
    assert norm_of(player) == pytest.approx(7.0)


@pytest.mark.parametrize(("part", "level"), [(0.5, "good"), (0.03, "watch"), (0.001, "bad")])
def test_a_gradient_is_compared_with_its_early_level(part: float, level: str) -> None:
    gradients = Gradients()
    for norm in [3.0] * 8 + [3.0 * part] * 8:
        gradients.note(norm, 1.0)
    assert gradients.verdict().level == level


def scores(mean: float, count: int = 200) -> np.ndarray:
    return mean + np.random.default_rng(round(100 + 10 * mean)).normal(0, 1, count)


@pytest.mark.parametrize(("unseen", "level"), [(2.0, "good"), (0.8, "watch"), (-0.5, "bad"), (-3.0, "bad")])
def test_overfitting_is_the_way_from_training_pictures_down_to_made_ones(unseen: float, level: str) -> None:
    found = overfitting(Opinions(scores(2.0), scores(unseen), scores(-2.0)), remedy(RECIPES["quick"]))
    assert found.level == level


def test_a_gap_that_chance_makes_is_no_overfitting() -> None:
    few = Opinions(scores(2.0, 4), scores(2.0, 4) - 1.2, scores(-0.2, 4))
    assert overfitting(few, remedy(RECIPES["quick"])).level == "good"
    blind = Opinions(scores(0.1), scores(-1.0), scores(0.0))
    assert "hardly tells" in overfitting(blind, remedy(RECIPES["quick"])).words


def test_what_helps_is_not_what_is_in_use_already() -> None:
    opinions = Opinions(scores(2.0), scores(-2.0), scores(-2.5))
    assert "--augment ada" in overfitting(opinions, remedy(RECIPES["quick"])).fix
    assert "--augment translation" in overfitting(opinions, remedy(RECIPES["dcgan"])).fix
    assert "--augment" not in overfitting(opinions, remedy(RECIPES["stylegan2"])).fix


@pytest.mark.parametrize(
    ("crowd", "level"),
    [
        (Crowd(500, 0.01, 60_000, 0.95), "good"),
        (Crowd(500, 0.6, 800, 0.9), "good"),  # some doubles of many
        (Crowd(500, 0.6, 150, 0.9), "watch"),
        (Crowd(500, 1.0, 12, 0.97), "bad"),  # few, but far apart
        (Crowd(500, 0.0, math.inf, 0.5), "watch"),
        (Crowd(500, 0.0, math.inf, 0.2), "bad"),
    ],
)
def test_collapse_by_doubles_and_by_distance(crowd: Crowd, level: str) -> None:
    assert collapse(crowd, early=False).level == level
    assert collapse(crowd, early=True).level == ("good" if level == "good" else "unknown")


def test_ten_pictures_over_and_over_are_about_ten() -> None:
    random = np.random.default_rng(0)
    real = random.normal(0, 1, (200, 8)).astype(np.float32)
    ten = random.normal(0, 1, (10, 8)).astype(np.float32)[np.arange(200) % 10]
    crowd = crowd_of((ten, ten), (real, real), 1.0)
    assert crowd.doubles == 1
    assert crowd.support == pytest.approx(10, rel=0.1)
    # Alike to the backbone alone they are not.
    assert crowd_of((ten, real), (real, real), 1.0).doubles <= 0.05


def features(count: int, seed: int, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, (count, 6)).astype(np.float32)


def test_copies_are_told_from_pictures_that_are_near_to_everything() -> None:
    training, unseen = features(200, 1), features(100, 2)
    copied = memorisation(copies(training[:80] + features(80, 3, 0.01), training, unseen), 200, 200)
    assert (copied.level, copied.words[:5]) == ("bad", "100 %")
    fresh = memorisation(copies(features(80, 4), training, unseen), 200, 3000)
    assert fresh.level == "good"
    assert "200 of 3,000 training pictures" in fresh.words
    plain = copies(features(80, 5, 0.05), training, unseen)  # in the midst of all pictures
    assert plain.nearness < 1
    assert memorisation(plain, 200, 200).level == "good"


def test_samples_far_from_all_pictures_are_no_copies_whatever_the_ratio() -> None:
    training, unseen = features(200, 1), features(100, 2)
    far = copies(np.full((80, 6), 40, np.float32), training, unseen)
    assert far.nearness > 1
    assert memorisation(far, 200, 200).level == "good"
