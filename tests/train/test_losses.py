from __future__ import annotations

import math

import pytest
import torch

from ganplugin.models.palette import colour_statistics
from ganplugin.train.losses import (
    content_loss,
    gram,
    overshoot,
    palette_loss,
    style_loss,
    total_variation,
)


def test_gram_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    assert torch.equal(gram(features), torch.tensor([[[2.5, 1.5], [1.5, 4.5]]]))


def test_style_loss_is_zero_on_itself_and_free_of_scale() -> None:
    features = torch.rand(2, 4, 5, 6)
    other = torch.rand(2, 4, 5, 6)
    assert style_loss([gram(features)], [gram(features)]).item() == 0
    small = style_loss([gram(features)], [gram(other)])
    large = style_loss([gram(features * 10)], [gram(other * 10)])
    assert small.item() > 0
    assert large.item() == pytest.approx(small.item(), rel=1e-4)


def test_style_loss_sums_over_layers_and_averages_over_the_batch() -> None:
    one, two = torch.ones(2, 1, 1), torch.tensor([[[1.0]], [[0.0]]])
    target = torch.ones(1, 1, 1)
    assert style_loss([one], [target]).item() == 0
    assert style_loss([one, two], [target, target]).item() == pytest.approx(math.log(2) / 2)


def test_content_loss_by_hand() -> None:
    made, wanted = torch.full((1, 1, 2, 2), 3.0), torch.full((1, 1, 2, 2), 2.0)
    assert content_loss(made, wanted).item() == pytest.approx(0.25)


def test_content_loss_of_an_empty_picture_stays_a_number() -> None:
    assert content_loss(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)).item() == 0


def test_total_variation_by_hand() -> None:
    image = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]).expand(1, 3, 2, 2)
    assert total_variation(image).item() == pytest.approx(1.0)


def test_palette_loss_knows_mean_and_spread() -> None:
    image = torch.rand(1, 3, 8, 8)
    mean, covariance = colour_statistics(image)
    assert palette_loss(image, mean, covariance).item() == pytest.approx(0, abs=1e-6)
    assert palette_loss(image.flip(3), mean, covariance).item() == pytest.approx(0, abs=1e-6)
    assert palette_loss(image * 0.5, mean, covariance).item() > 0.1


def test_covariance_agrees_with_torch() -> None:
    image = torch.rand(1, 3, 9, 7)
    assert torch.allclose(colour_statistics(image)[1][0], torch.cov(image[0].flatten(1), correction=0), atol=1e-6)


def test_overshoot_by_hand() -> None:
    assert overshoot(torch.tensor([0.0, 1.0, 1.5, -0.5])).item() == pytest.approx((0.25 + 0.25) / 4)
