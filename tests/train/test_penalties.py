from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganplugin.errors import InputError
from ganplugin.train.penalties import Penalties, between, overslope, squared_slope


def scored(weights: Tensor, images: Tensor) -> Tensor:
    """A scorer whose slope is known: D(x) = sum w x^2, so that grad D = 2 w x."""
    return (weights * images.square()).flatten(1).sum(dim=1)


def test_the_squared_slope_is_that_of_a_known_scorer() -> None:
    weights, images = torch.tensor([1.0, -2.0]), torch.tensor([[3.0, 0.5], [1.0, -1.0]], requires_grad=True)
    by_hand = ((2 * 3.0) ** 2 + (2 * -2 * 0.5) ** 2 + 2.0**2 + (2 * -2 * -1.0) ** 2) / 2 / 4
    assert squared_slope(scored(weights, images), images).item() == pytest.approx(by_hand)


def test_slopes_are_those_of_pictures_from_minus_1_to_1() -> None:
    """Bug: taken of pictures 0..1, R1 and R2 were four times as heavy as in the papers that their weights are from."""
    torch.manual_seed(0)
    weights, pictures = torch.rand(3, 2), torch.rand(4, 2)
    ours, theirs = pictures.clone().requires_grad_(), (pictures * 2 - 1).requires_grad_()
    (slope,) = torch.autograd.grad((theirs.square() @ weights.T).sum(), theirs)
    found = squared_slope(((ours * 2 - 1).square() @ weights.T).sum(dim=1), ours)
    assert found.item() == pytest.approx(slope.square().sum(dim=1).mean().item())


def test_the_overslope_is_that_of_a_known_scorer() -> None:
    weights, images = torch.tensor([1.0, 2.0]), torch.tensor([[1.5, 1.0]], requires_grad=True)
    assert overslope(scored(weights, images), images).item() == pytest.approx(((9 + 16) ** 0.5 / 2 - 1) ** 2)


@pytest.mark.parametrize("slope", [squared_slope, overslope])
def test_the_second_backward_pass_is_that_of_small_steps(slope: object) -> None:
    torch.manual_seed(0)
    scorer = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Softplus(), nn.Flatten(), nn.Linear(12, 1)).double()
    pictures = torch.rand(3, 2, 4, 4, dtype=torch.float64)

    def penalty() -> Tensor:
        seen = pictures.clone().requires_grad_()
        return slope(scorer(seen), seen)  # type: ignore[operator]

    penalty().backward()
    for parameter in scorer.parameters():
        flat, got = parameter.data.view(-1), torch.zeros_like(parameter).view(-1)
        if parameter.grad is not None:
            got = parameter.grad.view(-1)
        for index in (0, len(flat) // 2, len(flat) - 1):
            start = flat[index].item()
            values = []
            for step in (1e-6, -1e-6):
                flat[index] = start + step
                values.append(penalty().item())
            flat[index] = start
            assert got[index].item() == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-5, abs=1e-8)


def test_a_scorer_that_ignores_its_picture_gives_a_number() -> None:
    weights, images = torch.zeros(2, requires_grad=True), torch.ones(1, 2, requires_grad=True)
    overslope(scored(weights, images), images).backward()
    assert torch.isfinite(weights.grad).all()


def test_between_lies_on_the_line() -> None:
    real, made = torch.ones(64, 1, 2, 2), torch.zeros(64, 1, 2, 2)
    points = between(real, made, torch.Generator().manual_seed(0))
    assert points.requires_grad
    assert torch.equal(points, points[:, :, :1, :1].expand_as(points))
    assert points.min() < 0.1
    assert points.max() > 0.9


def test_lazy_penalties_are_rarer_and_heavier() -> None:
    often, lazy = Penalties(r1=2.0, r2=1.0, gp=3.0), Penalties(r1=2.0, r2=1.0, gp=3.0, every=4)
    one = torch.tensor(1.0)
    assert often.of_slopes(one, one, one).item() == pytest.approx(1 + 0.5 + 3)
    assert lazy.of_slopes(one, one, one).item() == pytest.approx(4 * (1 + 0.5 + 3))
    assert [lazy.due(step) for step in range(5)] == [True, False, False, False, True]
    assert not Penalties(every=1).due(0)
    assert lazy.scaled(0.5) == Penalties(r1=1.0, r2=0.5, gp=1.5, every=4)


def test_penalties_are_read_from_a_text() -> None:
    assert Penalties.parsed("r1=1, r2=0.5", every=8) == Penalties(r1=1.0, r2=0.5, every=8)
    assert Penalties.parsed("none") == Penalties()
    for wrong in ("r3=1", "r1", "r1=-1", "r1=x", "gp=inf", "every=3"):
        with pytest.raises(InputError):
            Penalties.parsed(wrong)
