from __future__ import annotations

import pytest
import torch

from ganplugin.train.translate.distances import apart, fooling, telling


def test_the_least_squares_game_by_hand() -> None:
    real, made = torch.tensor([1.0, 0.0]), torch.tensor([0.5, -0.5])
    assert fooling(made).item() == pytest.approx((0.25 + 2.25) / 2)
    assert telling(real, made).item() == pytest.approx((0.5 + 0.25) / 2)


def test_l1_is_on_the_scale_of_the_papers() -> None:
    """Black is 2 away from white where pictures are -1..1."""
    black, white = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    assert apart(black, white).item() == 2.0
    assert apart(torch.tensor([0.0, 1.0]), torch.tensor([0.25, 1.0])).item() == pytest.approx(0.25)
