"""The rates of style networks, and one step down a loss."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganplugin.train.rates import descend, pace, scale_rates

Made = tuple[nn.Linear, torch.optim.SGD]


@pytest.fixture
def made() -> Made:
    network = nn.Linear(2, 1, bias=False)
    nn.init.ones_(network.weight)
    return network, torch.optim.SGD([{"params": network.parameters(), "lr": 1.0, "full": 1.0}])


def rate_of(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize(
    ("step", "part", "share"), [(0, 0.0, 0.02), (49, 0.0, 1.0), (10_000, 0.5, 1.0), (10_000, 0.75, 0.5), (9, 1.0, 0.0)]
)
def test_a_rate_rises_first_and_rests_at_last(made: Made, step: int, part: float, share: float) -> None:
    pace(made[1], step, part)
    assert rate_of(made[1]) == pytest.approx(share)


def test_a_run_taken_up_again_for_longer_goes_on_at_its_full_rate(made: Made) -> None:
    pace(made[1], 500, 1.0)
    pace(made[1], 500, 0.25)
    assert rate_of(made[1]) == 1.0


def test_halved_is_for_good(made: Made) -> None:
    scale_rates(made[1], 0.5)
    pace(made[1], 500, 0.0)
    assert rate_of(made[1]) == 0.5


def test_a_step_goes_down_the_sum_no_further_than_the_longest_gradient(made: Made) -> None:
    network, optimizer = made
    weights = network.weight
    descend(optimizer, {"first": 30 * weights[0, 0], "second": 40 * weights[0, 1]}, longest=1.0)
    assert weights.detach() == pytest.approx(torch.tensor([[1 - 0.6, 1 - 0.8]]), abs=1e-4)


def test_no_step_along_a_gradient_that_is_not_finite(made: Made) -> None:
    network, optimizer = made
    descend(optimizer, {"first": network.weight.sum() * float("inf")}, longest=1.0)
    assert network.weight.detach().tolist() == [[1.0, 1.0]]
