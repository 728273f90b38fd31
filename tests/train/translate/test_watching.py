"""Each way in which a translation fails is made to happen, and seen."""

from __future__ import annotations

import pytest
import torch

from ganplugin.models.players.player import reproducible
from ganplugin.models.players.translators import fresh_judge
from ganplugin.train.translate.duel import Duel, DuelOptions
from ganplugin.train.translate.games import FORWARD, Players
from ganplugin.train.translate.methods import METHODS
from ganplugin.train.translate.sides import Frame, Sides
from ganplugin.train.translate.trainer import TranslateTrainer
from ganplugin.train.translate.watching import TranslateWatch
from ganplugin.train.watch.verdict import Verdict
from tests.train.test_game import differing
from tests.train.translate.tiny import noise, players, trainer

EACH = pytest.mark.parametrize("name", ["fastcut", "cut", "cyclegan", "pix2pix"])


def found(watch: TranslateWatch) -> dict[str, Verdict]:
    return {one.name: one for one in watch.verdicts()}


def paints(duel: Duel, monkeypatch: pytest.MonkeyPatch, made: object) -> None:
    monkeypatch.setattr(duel.averages[FORWARD], "forward", made)


@EACH
def test_looking_changes_nothing(name: str) -> None:
    watched, alone = trainer(name), trainer(name)
    watch = TranslateWatch(watched)
    for _ in range(2):
        watch.follow(watched.advance(0.0))
        watch.verdicts()
        alone.advance(0.0)
    assert differing(watched.state(), alone.state()) == []


@EACH
def test_every_verdict_is_there(name: str) -> None:
    watch = TranslateWatch(trainer(name))
    assert set(found(watch)) == {"sameness", "unchanged", "overfitting", "imbalance"}


def test_one_picture_for_every_photo_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer("fastcut")
    made.duel.step = 500
    paints(made.duel, monkeypatch, lambda pictures: torch.full_like(pictures, 0.4))
    assert found(TranslateWatch(made))["sameness"].level == "bad"


def test_photos_that_stay_what_they_are_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer("fastcut")
    paints(made.duel, monkeypatch, lambda pictures: pictures)
    verdicts = found(TranslateWatch(made))
    assert verdicts["unchanged"].level == "watch"
    assert verdicts["sameness"].level == "good"


def test_a_scorer_that_knows_its_pictures_by_heart_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside noise that a generator makes, noise has nothing to be known by but itself."""
    method, random = METHODS["fastcut"], torch.Generator().manual_seed(0)
    tiny = players("fastcut")
    with reproducible(0):
        keen = Players(tiny.generators, {FORWARD: fresh_judge(24, 3, 1)}, tiny.heads)
    options = DuelOptions(weights=method.weights, batch=4, learning_rate=2e-3)
    some = Sides(*(noise(8, seed, 16) for seed in range(4)))
    duel = Duel(method, keen, some, Frame(16, 16, flip=False), options, torch.device("cpu"))
    for painter in (duel.players.generators[FORWARD], duel.averages[FORWARD]):
        monkeypatch.setattr(painter, "forward", lambda pictures: torch.rand(pictures.shape, generator=random))
    made = TranslateTrainer(duel, {}, {})
    for _ in range(150):
        made.advance(0.0)
    assert found(TranslateWatch(made))["overfitting"].level == "bad"


def test_a_scorer_that_is_always_right_is_seen() -> None:
    watch = TranslateWatch(trainer("cyclegan"))
    for _ in range(10):
        watch.follow({"scorer": 2 * 0.25 * 0.01})
    assert found(watch)["imbalance"].level == "bad"
    assert "the scorer wins" in found(watch)["imbalance"].fix


def test_a_watch_is_taken_up_again() -> None:
    first, second = TranslateWatch(trainer("cut")), TranslateWatch(trainer("cut"))
    for loss in range(10):
        first.follow({"scorer": 0.1 * loss})
    second.restore(first.state())
    assert second.balance.verdict() == first.balance.verdict()
