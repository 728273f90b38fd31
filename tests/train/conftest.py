from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.models.stylizer import StylizerConfig
from ganplugin.models.vgg import VGG_CHANNELS, VggFeatures
from ganplugin.train.arbitrary import ArbitraryOptions, ArbitraryTrainer
from ganplugin.train.manner import MannerWeights
from ganplugin.train.metrics.backbones.backbone import Backbone
from ganplugin.train.metrics.backbones.random_convolutions import random_convolutions
from ganplugin.train.style import StyleOptions, StyleTarget, StyleTrainer
from ganplugin.train.watch import looking


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Trainings look with random convolutions, and keep what they see in the test's own folder."""
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))

    def random_eye(name: str = "", *, device: torch.device) -> Backbone:
        return random_convolutions(device)

    monkeypatch.setattr(looking, "load_backbone", random_eye)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty small pictures of every usual mode."""
    place = tmp_path / "pictures"
    place.mkdir()
    random = np.random.default_rng(0)
    for index in range(20):
        pixels = random.integers(0, 256, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).convert(("RGB", "L", "RGBA", "P")[index % 4]).save(place / f"{index:02d}.png")
    return place


def random_features() -> VggFeatures:
    """VGG's layout, a sixteenth as wide, with random weights."""
    random = torch.Generator().manual_seed(0)
    weights, before = [], 3
    for channels in [channel // 16 for block in VGG_CHANNELS for channel in block]:
        weight = torch.randn(channels, before, 3, 3, generator=random) * (2 / (9 * before)) ** 0.5
        weights.append((weight, torch.zeros(channels)))
        before = channels
    return VggFeatures(weights, mean=torch.full((3,), 0.5), std=torch.full((3,), 0.25), divide=16)


@pytest.fixture
def make_style() -> Callable[[], StyleTrainer]:
    """Return a maker of equal trainers of a tiny stylizer with two styles."""
    random = np.random.default_rng(2)
    red = np.zeros((3, 40, 40), np.uint8)
    red[0] = random.integers(128, 256, (40, 40))
    targets = [StyleTarget("red", red), StyleTarget("noise", random.integers(0, 256, (3, 40, 48), np.uint8))]
    photos = [random.integers(0, 256, (3, 48, 56), np.uint8) for _ in range(3)]

    def make() -> StyleTrainer:
        options = StyleOptions(styles=2, batch=1, crop=32, seed=5, weights=MannerWeights(style=0.02, palette=2.0))
        shape = StylizerConfig(styles=2, widths=(4, 4, 4), residuals=1, limit=8.0)
        provenance = {"data": "noise", "licence": "none"}
        return StyleTrainer(targets, photos, random_features(), options, provenance, torch.device("cpu"), shape)

    return make


@pytest.fixture
def make_arbitrary() -> Callable[[], ArbitraryTrainer]:
    """Return a maker of equal trainers of a tiny any-painting network, on three paintings and a fourth kept apart."""
    random = np.random.default_rng(4)
    paintings = [random.integers(low, low + 100, (3, 40, 48 - low // 10), np.uint8) for low in (0, 60, 120, 150)]
    photos = [random.integers(0, 256, (3, 48, 56), np.uint8) for _ in range(3)]

    def make() -> ArbitraryTrainer:
        options = ArbitraryOptions(
            batch=2, crop=32, side=32, code=6, hidden=8, widths=(4, 4, 4), residuals=1, seed=5, learning_rate=3e-3
        )
        provenance = {"data": "noise", "licence": "none"}
        device = torch.device("cpu")
        features = random_features()
        return ArbitraryTrainer(paintings[:3], paintings[3:], photos, features, options, provenance, device)

    return make
