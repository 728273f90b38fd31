from __future__ import annotations

import numpy as np
import torch

from ganplugin.train.crops import Crops


def crops(seed: int = 2) -> Crops:
    random = np.random.default_rng(1)
    photos = [random.integers(0, 256, (3, 30 + index, 40), np.uint8) for index in range(3)]
    return Crops(photos, 16, torch.Generator().manual_seed(seed))


def test_crops_repeat_with_the_seed() -> None:
    drawn = crops().draw(5)
    assert drawn.shape == (5, 3, 16, 16)
    assert 0 <= drawn.min() < drawn.max() <= 1
    assert torch.equal(drawn, crops().draw(5))
    assert not torch.equal(drawn, crops(3).draw(5))


def test_flat_places_are_mostly_left_out_and_flat_photos_do_not_hang() -> None:
    half = np.zeros((3, 20, 200), np.uint8)
    half[:, :, 100:] = np.random.default_rng(1).integers(0, 256, (3, 20, 100), np.uint8)
    found = Crops([half], 16, torch.Generator().manual_seed(1)).draw(60)
    assert int((found.std(dim=(1, 2, 3)) < 0.02).sum()) < 10
    flat = Crops([np.full((3, 20, 20), 7, np.uint8)], 16, torch.Generator().manual_seed(1)).draw(2)
    assert flat.std() < 0.01


def test_a_calm_sky_stays() -> None:
    sky = np.tile(np.linspace(100, 130, 40).astype(np.uint8), (3, 40, 1))
    assert Crops([sky], 32, torch.Generator().manual_seed(1)).draw(1).std() > 0.01


def test_middles_are_spread_over_the_photos() -> None:
    found = crops().middles(2, 20)
    assert found.shape == (2, 3, 20, 20)
    assert torch.equal(found[0], torch.from_numpy(np.ascontiguousarray(crops().photos[0][:, 5:25, 10:30])) / 255)
    assert crops().middles(9, 64).shape == (3, 3, 64, 64)
