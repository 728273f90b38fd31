from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganplugin.errors import InputError
from ganplugin.train.objectives import OBJECTIVES

REAL, MADE = [0.5, -1.5, 2.0], [0.25, -0.75, 1.5]


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def mean(terms: list[float]) -> float:
    return sum(terms) / len(terms)


BY_HAND: dict[str, tuple[float, float]] = {
    "minimax": (
        mean([softplus(-r) for r in REAL]) + mean([softplus(m) for m in MADE]),
        mean([math.log(1 - 1 / (1 + math.exp(-m))) for m in MADE]),
    ),
    "non-saturating": (
        mean([-math.log(1 / (1 + math.exp(-r))) for r in REAL]) + mean([softplus(m) for m in MADE]),
        mean([-math.log(1 / (1 + math.exp(-m))) for m in MADE]),
    ),
    "lsgan": (
        (mean([(r - 1) ** 2 for r in REAL]) + mean([m**2 for m in MADE])) / 2,
        mean([(m - 1) ** 2 for m in MADE]) / 2,
    ),
    "hinge": (mean([0.5, 2.5, 0.0]) + mean([1.25, 0.25, 2.5]), -mean(MADE)),
    "wgan": (mean(MADE) - mean(REAL), -mean(MADE)),
    "wgan-gp": (mean(MADE) - mean(REAL), -mean(MADE)),
    "relativistic": (
        mean([softplus(m - r) for r, m in zip(REAL, MADE, strict=True)]),
        mean([softplus(r - m) for r, m in zip(REAL, MADE, strict=True)]),
    ),
}


def test_each_has_a_row_here() -> None:
    assert set(BY_HAND) == set(OBJECTIVES.entries)


@pytest.mark.parametrize("name", BY_HAND)
def test_is_what_the_formula_gives_by_hand(name: str) -> None:
    game, (scorer, generator) = OBJECTIVES[name], BY_HAND[name]
    real, made = torch.tensor(REAL), torch.tensor(MADE)
    assert game.scorer(real, made).item() == pytest.approx(scorer, abs=1e-6)
    assert game.generator(real, made).item() == pytest.approx(generator, abs=1e-6)


def nudged(loss: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """The gradient by central differences."""
    slopes = []
    for index in range(len(at)):
        step = torch.zeros_like(at)
        step[index] = 1e-6
        slopes.append((loss(at + step) - loss(at - step)) / 2e-6)
    return torch.stack(slopes)


@pytest.mark.parametrize("name", BY_HAND)
def test_slopes_are_those_of_small_steps(name: str) -> None:
    game = OBJECTIVES[name]
    real, made = torch.tensor(REAL, dtype=torch.float64), torch.tensor(MADE, dtype=torch.float64)
    for loss in (lambda x: game.scorer(real, x), lambda x: game.generator(real, x)):
        at = made.clone().requires_grad_()
        loss(at).backward()
        assert torch.allclose(at.grad, nudged(loss, made), atol=1e-8)
    at = real.clone().requires_grad_()
    game.scorer(at, made).backward()
    assert torch.allclose(at.grad, nudged(lambda x: game.scorer(x, made), real), atol=1e-8)


@pytest.mark.parametrize("name", BY_HAND)
def test_pulls_the_right_way(name: str) -> None:
    """The scorer raises real and lowers made pictures; the generator raises made ones."""
    game = OBJECTIVES[name]
    real, made = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    if name == "lsgan":
        made = torch.full((3,), 0.5, requires_grad=True)
    game.scorer(real, made).backward()
    assert (real.grad < 0).all()
    assert (made.grad > 0).all()
    made.grad = None
    game.generator(real.detach(), made).backward()
    assert (made.grad < 0).all()


def test_the_saturating_game_fades_where_the_scorer_is_sure() -> None:
    slopes = {}
    for name in ("minimax", "non-saturating"):
        made = torch.tensor([-12.0], requires_grad=True)
        OBJECTIVES[name].generator(torch.zeros(1), made).backward()
        slopes[name] = abs(made.grad.item())
    assert slopes["minimax"] < 1e-4
    assert slopes["non-saturating"] > 0.99


def test_an_unknown_loss_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match="hinge"):
        OBJECTIVES["hing"]


@pytest.mark.parametrize("name", OBJECTIVES.entries)
def test_certainty_is_none_without_an_opinion_and_whole_with_one(name: str) -> None:
    """Bug: of lsgan, whose scores are around 1/2, ADA took a scorer without an opinion for one that is sure."""
    random = torch.Generator().manual_seed(0)
    objective = OBJECTIVES[name]
    noise = torch.randn(4000, generator=random)
    undecided = 3.0 if objective.undecided is None else objective.undecided
    assert objective.certainty(undecided + noise, undecided + noise.flip(0)).item() == pytest.approx(0, abs=0.05)
    assert objective.certainty(undecided + 5 + noise, undecided - 5 + noise).item() == pytest.approx(1, abs=0.01)
