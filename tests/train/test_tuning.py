from __future__ import annotations

import pytest
import torch

from ganplugin.train import precision as precisions
from ganplugin.train import tuning
from ganplugin.train.estimate import Estimate
from ganplugin.train.game import Game
from tests.train.tiny import game


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precisions, "_multiplies_bf16", lambda device: True)


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize("fast", ["fp32", "bf16"])
@pytest.mark.parametrize("last", [False, True])
def test_the_fastest_way_is_found_by_measuring(fast: str, last: bool) -> None:
    """bf16 and channels-last are a gain on some processors and networks, and a loss on others."""

    def measured(game: Game) -> Estimate:
        slow = (game.options.precision != fast) + (game.options.channels_last != last)
        return Estimate(1.0 + slow, None, None)

    said: list[str] = []
    best, _ = tuning.tuned(game("quick"), measured, precision="auto", layout="auto", report=said.append)
    assert (best.options.precision, best.options.channels_last) == (fast, last)
    assert said == [f"about 1.0 s for 1,000 pictures (1000 pictures/s), {fast}"]


@pytest.mark.usefixtures("able")
def test_what_was_asked_for_is_not_tried_against_others() -> None:
    tried: list[tuple[str, bool]] = []

    def measured(game: Game) -> Estimate:
        tried.append((game.options.precision, game.options.channels_last))
        return Estimate(1.0, None, None)

    tuning.tuned(game("mlp"), measured, precision="bf16", layout="channels-last", report=lambda words: None)
    assert tried == [("bf16", True)]


def test_where_the_processor_does_not_multiply_bf16_it_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precisions, "_multiplies_bf16", lambda device: False)
    assert precisions.worth_trying("auto", torch.device("cpu")) == ("fp32",)
    assert precisions.choose_precision("auto", torch.device("cpu")) == "fp32"


@pytest.mark.usefixtures("able")
def test_where_the_processor_multiplies_bf16_both_are_tried() -> None:
    assert precisions.worth_trying("auto", torch.device("cpu")) == ("fp32", "bf16")
    assert precisions.choose_precision("auto", torch.device("cpu")) == "bf16"
    assert precisions.worth_trying("fp32", torch.device("cpu")) == ("fp32",)
