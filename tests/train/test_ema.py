from __future__ import annotations

import torch
from torch import nn

from ganplugin.models.players.player import StyledPainter
from ganplugin.train.ema import _labels, calibrated, frozen_copy, update_average
from tests.train.tiny import game


def test_the_average_moves_by_one_minus_decay() -> None:
    module = nn.Linear(1, 1, bias=False)
    average = frozen_copy(module)
    nn.init.constant_(average.weight, 0.0)
    nn.init.constant_(module.weight, 1.0)
    update_average(average, module, step=10**6, decay=0.9)
    assert abs(average.weight.item() - 0.1) < 1e-6
    assert not average.weight.requires_grad


def test_the_start_is_forgotten_quickly() -> None:
    module, average = nn.Linear(1, 1), nn.Linear(1, 1)
    update_average(average, module, step=0, decay=0.999)
    update_average(average, module, step=1, decay=0.999)
    assert (average.weight - module.weight).abs().item() < 0.1


def test_calibration_depends_on_the_seed_alone_and_centres_w() -> None:
    painter = game("quick").painter
    average = frozen_copy(painter)
    before = {key: value.clone() for key, value in average.state_dict().items()}
    random = torch.get_rng_state()
    first = calibrated(average, painter, seed=1)
    assert isinstance(first, StyledPainter)
    second = calibrated(average, painter, seed=1).state_dict()
    assert all(torch.equal(value, second[key]) for key, value in first.state_dict().items())
    assert not first.training
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, before[key]) for key, value in average.state_dict().items())
    w = first.map(torch.randn(4096, first.z_dim, generator=torch.Generator().manual_seed(5)))
    assert torch.allclose(w.mean(dim=0), first.centre, atol=0.15)
    norms = [layer for layer in first.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert all(norm.momentum is not None and norm.num_batches_tracked == 16 for norm in norms)


def test_calibration_meets_every_class_equally_often() -> None:
    """Bug: each batch began with the first class, so that of a hundred the last 36 had no say in the mean w."""
    met = torch.stack([_labels(turn, 100, torch.device("cpu")).sum(dim=0) for turn in range(16)]).sum(dim=0)  # type: ignore[union-attr]
    assert met.min() >= 10
    assert met.max() <= 11
