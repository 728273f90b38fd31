from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganplugin.train.metrics.backbones.backbone import Backbone
from ganplugin.train.metrics.backbones.random_convolutions import random_convolutions
from ganplugin.train.pictures.packed import PackedSet

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def eye() -> Backbone:
    return random_convolutions(CPU)


class Plain(nn.Module):
    """Features are the mean colour of each quarter, classes the three colours."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        quarters = nn.functional.adaptive_avg_pool2d(image, 2)
        return quarters.flatten(1), quarters.mean((2, 3)), [image]


@pytest.fixture(scope="session")
def plain() -> Backbone:
    """A backbone whose numbers can be worked out by hand."""
    return Backbone("plain", "plain colours", "0" * 64, "level / 255", 12, 3, False, Plain(), lambda x: x / 255, CPU)


def shapes(count: int, seed: int, *, side: int = 16, channels: int = 3) -> np.ndarray:
    """Return pictures of one soft blob each on white: uint8 [n, channels, side, side]."""
    random = np.random.default_rng(seed)
    grid = np.arange(side)
    centre = random.uniform(3, side - 3, (count, 2, 1, 1))
    radius = random.uniform(2, side / 3, (count, 1, 1))
    distance = np.hypot(grid[None, :, None] - centre[:, 0], grid[None, None, :] - centre[:, 1])
    inside = np.clip(radius - distance, 0, 1)[:, None]
    colour = random.uniform(0, 1, (count, channels, 1, 1))
    noise = random.normal(0, 0.02, (count, channels, side, side))
    return (np.clip(1 - inside * (1 - colour) + noise, 0, 1) * 255).round().astype(np.uint8)


@pytest.fixture(scope="session")
def real() -> PackedSet:
    return PackedSet.in_memory(shapes(120, 1))


def rendered(levels: np.ndarray) -> Callable[[int, int], Tensor]:
    """Return a generator that makes these pictures, uint8 [n, c, h, w]."""
    images = torch.from_numpy(levels).float() / 255
    return lambda start, count: images[start : start + count]
