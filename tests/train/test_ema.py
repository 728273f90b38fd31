from __future__ import annotations

import torch
from torch import nn

from ganplugin.models.quick import QuickConfig, QuickGenerator
from ganplugin.train.ema import frozen_copy, recalibrate, update_average


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


def test_recalibration_depends_on_the_seed_alone_and_centres_w() -> None:
    torch.manual_seed(0)
    generator = QuickGenerator(QuickConfig(size=8, z_dim=8, w_dim=8, width=4)).requires_grad_(False)
    recalibrate(generator, seed=1, batches=4)
    first = {key: value.clone() for key, value in generator.state_dict().items()}
    recalibrate(generator, seed=1, batches=4)
    assert all(torch.equal(value, first[key]) for key, value in generator.state_dict().items())
    assert not generator.training
    w = generator.map(torch.randn(4096, 8, generator=torch.Generator().manual_seed(5)))
    assert torch.allclose(w.mean(dim=0), generator.w_avg, atol=0.15)
    norm = generator.blocks[0].mod0.norm
    assert norm.running_var.min() > 0
    assert norm.momentum is not None
