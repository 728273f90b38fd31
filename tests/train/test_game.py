from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ganplugin.errors import InputError, TrainingError
from ganplugin.models.players.player import Picture
from ganplugin.train.game import Game
from ganplugin.train.objectives import OBJECTIVES
from ganplugin.train.recipes import RECIPES
from ganplugin.train.recipes.choices import Choices, adapted
from ganplugin.train.recipes.recipe import Averaging, Ramp
from ganplugin.train.state import State
from tests.train.tiny import game, penalties, small

EACH = pytest.mark.parametrize("name", RECIPES.entries)


def flat(state: object, prefix: str = "") -> dict[str, object]:
    """Every leaf of a nested state under its path."""
    if isinstance(state, dict):
        parts = [flat(value, f"{prefix}/{key}") for key, value in state.items()]
    elif isinstance(state, (list, tuple)):
        parts = [flat(value, f"{prefix}/{index}") for index, value in enumerate(state)]
    else:
        return {prefix: state}
    return {key: value for part in parts for key, value in part.items()}


def differing(a: State, b: State) -> list[str]:
    """The places where two states are not equal bit by bit."""
    one, two = flat(a), flat(b)
    assert one.keys() == two.keys()
    return [
        key
        for key, value in one.items()
        if not (torch.equal(value, two[key]) if isinstance(value, Tensor) else value == two[key])  # type: ignore[arg-type]
    ]


def play(played: Game, steps: int, of: int = 6) -> None:
    while played.step < steps:
        played.advance(played.step / of)


@EACH
def test_a_step_moves_both_networks_and_the_average_follows(name: str) -> None:
    played = game(name)
    play(played, 1)
    before = played.state()
    losses = played.advance(0.0)
    moved = {key.split("/")[1] for key in differing(before, played.state())}
    assert {"generator", "scorer", "average", "step", "sampler"} <= moved
    assert set(losses) == {"scorer", "generator", "real", "made", "penalty", "chance"}
    assert (played.step, played.seen) == (2, 8)


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("quick", Picture(4, 12, 20, 3)),
        ("r3-small", Picture(4, 12, 20, 3)),
        ("stylegan2", Picture(1, 12, 20, 3)),
        ("dcgan", Picture(1, 28, 28, 3)),
        ("mlp", Picture(4, 8, 8, 3)),
        ("fastgan", Picture(4, 64, 64)),
    ],
)
def test_plays_with_grey_alpha_classes_and_oblong_pictures(name: str, picture: Picture) -> None:
    played = game(name, picture)
    play(played, 2)
    assert all(torch.isfinite(one).all() for one in played.painter.parameters())


@pytest.mark.parametrize("loss", OBJECTIVES.entries)
def test_every_loss_trains_every_kind_of_scorer(loss: str) -> None:
    for name in ("dcgan", "r3-small"):
        played = game(name, loss=loss)
        play(played, 1)
        losses = played.advance(0.5)
        assert all(map(torch.isfinite, map(torch.tensor, losses.values())))
        if loss == "wgan":
            assert max(one.detach().abs().max().item() for one in played.judge.parameters()) <= 0.01 + 1e-6
        if loss == "wgan-gp":
            assert losses["penalty"] > 0
            assert played.turns == 10


def test_a_penalty_keeps_the_scorer_flat() -> None:
    def slope(weight: float) -> float:
        played = game("r3-small", penalty=f"r1={weight},r2={weight}", lazy=1, augment="none", learning_rate=2e-3)
        for _ in range(25):
            played.advance(0.0)
        return played.penalty / max(weight, 1e-9)

    assert slope(10.0) < 0.5 * slope(1e-4)


def test_pieces_of_a_batch_make_the_step_of_the_whole() -> None:
    whole, pieces = game("r3-small", augment="none"), game("r3-small", augment="none")
    pieces.options = replace(pieces.options, accumulate=2)
    for _ in range(2):
        whole.advance(0.0)
        pieces.advance(0.0)
    for one, other in zip(whole.painter.parameters(), pieces.painter.parameters(), strict=True):
        assert torch.allclose(one, other, atol=2e-5)


def test_frozen_layers_stay() -> None:
    played = game("stylegan2")
    frozen = Game(played.recipe, (played.painter, played.judge), played.pictures, replace(played.options, frozen=2),
                  torch.device("cpu"))  # fmt: skip
    kept = [one.clone() for layer in frozen.judge.early()[:2] for one in layer.parameters()]
    last = [one.clone() for one in frozen.judge.early()[2].parameters()]
    play(frozen, 3)
    now = [one for layer in frozen.judge.early()[:2] for one in layer.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(kept, now, strict=True))
    assert not all(
        torch.equal(one, other) for one, other in zip(last, frozen.judge.early()[2].parameters(), strict=True)
    )
    with pytest.raises(InputError, match="layers that can be frozen"):
        Game(played.recipe, (played.painter, played.judge), played.pictures, replace(played.options, frozen=99),
             torch.device("cpu"))  # fmt: skip


def test_the_scorer_learns_to_tell_black_from_what_is_made() -> None:
    played = game("quick", augment="none")
    played.pictures.everything[:] = 0
    for _ in range(30):
        losses = played.advance(0.0)
    assert losses["real"] > losses["made"] + 0.2


def test_rates_betas_and_chance_follow_the_run() -> None:
    played = game("r3-small")
    group = played.optimizers["generator"].param_groups[0]
    told = played.advance(0.0)
    assert (group["lr"], group["betas"], told["chance"]) == (2e-4, (0.0, 0.9), 0.0)
    told = played.advance(1.0)
    assert (group["lr"], group["betas"], told["chance"]) == (5e-5, (0.0, 0.99), 0.3)
    played.slow_down()
    played.advance(1.0)
    assert group["lr"] == 2.5e-5


def test_a_ramp_is_half_a_cosine() -> None:
    ramp = Ramp(1.0, 0.0)
    assert [ramp.at(part) for part in (0, 0.5, 1, 2)] == pytest.approx([1, 0.5, 0, 0])
    assert ramp.at(0.25) == pytest.approx(0.853553, abs=1e-6)


def test_the_average_forgets_half_within_its_half_life() -> None:
    averaging = Averaging(kimg=1.0, ramp=0.1)
    assert averaging.decay(100_000, 32) ** (1000 / 32) == pytest.approx(0.5)
    assert averaging.decay(1_000, 32) ** (100 / 32) == pytest.approx(0.5)
    assert Averaging(0.0).decay(1_000, 32) == 0.0


def test_a_state_of_another_game_is_refused() -> None:
    state = game("mlp").state()
    with pytest.raises(TrainingError, match="another recipe"):
        game("dcgan").restore(state)
    with pytest.raises(TrainingError, match="another recipe, size"):
        game("mlp", Picture(1, 16, 16)).restore(state)
    wide = game("mlp")
    wide_state = {**state, "scorer": {**state["scorer"], "x": torch.zeros(1)}}  # type: ignore[dict-item]
    with pytest.raises(TrainingError, match="other networks"):
        wide.restore(wide_state)
    with pytest.raises(TrainingError, match="24 pictures"):
        game("mlp", count=30).restore(state)


def test_a_batch_that_cannot_be_cut_is_refused() -> None:
    played = game("mlp")
    with pytest.raises(InputError, match="3 equal pieces"):
        Game(played.recipe, (played.painter, played.judge), played.pictures, replace(played.options, accumulate=3),
             torch.device("cpu"))  # fmt: skip


def test_steering_raises_the_chance_of_changes_where_the_scorer_is_sure() -> None:
    played = game("mlp", augment="ada")
    played.steering = replace(played.steering, probability=0.5, pictures=255)
    played.pictures.everything[:] = 255
    play(played, 8, of=100)
    assert played.steering.probability != 0.5


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        (Choices(loss="wgan-gp"), lambda recipe: recipe.penalties.gp == 10 and recipe.scorer_steps == 5),
        (Choices(penalty="r1=3", lazy=4), lambda recipe: recipe.penalties.r1 == 3 and recipe.penalties.every == 4),
        (Choices(learning_rate=4e-4), lambda recipe: recipe.generator_rate == Ramp(4e-4, 1e-4)),
        (Choices(augment="colour"), lambda recipe: recipe.changes == ("colour",) and recipe.ada == ()),
        (Choices(augment="ada"), lambda recipe: recipe.steered and "hue" in recipe.ada),
        (
            Choices(flip=False, batch=7, width=5),
            lambda recipe: (recipe.flip, recipe.batch, recipe.width) == (False, 7, 5),
        ),
    ],
)
def test_choices_change_the_recipe(choices: Choices, told: Callable[[object], bool]) -> None:
    assert told(adapted(RECIPES["r3-small"], choices))


def test_penalties_grow_with_the_area_unless_they_are_given() -> None:
    recipe = RECIPES["r3-small"]
    assert recipe.penalties_of(Picture(3, 128, 128)).r1 == 4 * recipe.penalties_of(Picture(3, 64, 64)).r1
    assert small("r3-small", penalty="r1=2").penalties_of(Picture(3, 128, 128)).r1 == 2
    assert penalties(r1=1).due(2)


@EACH
@pytest.mark.parametrize("loss", [{}, {"loss": "wgan-gp"}, {"loss": "relativistic", "penalty": "r1=1,r2=1"}], ids=str)
def test_bug_penalties_between_pictures_of_two_precisions(name: str, loss: dict[str, object]) -> None:
    """In bf16 a network makes bf16, files hold more: the line from one picture to the other needs one type."""
    played = game(name, **loss).computing("bf16", channels_last=False)
    assert all(math.isfinite(value) for part in (0.0, 0.5) for value in played.advance(part).values())
