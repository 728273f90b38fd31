"""The spectrum sees what features of shrunk pictures do not: checkerboards and blur."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ganplugin.train.metrics.evaluation import Evaluation
from ganplugin.train.metrics.spectrum import band_levels, lattice_level, power_spectrum, spectrum_distance
from ganplugin.train.pictures.packed import PackedSet
from tests.train.metrics.conftest import rendered, shapes


def power(levels: np.ndarray) -> np.ndarray:
    return power_spectrum(torch.from_numpy(levels)).mean(0).double().numpy()


def checkered(levels: np.ndarray, amount: int, *, square: int = 1) -> np.ndarray:
    rows, columns = np.indices(levels.shape[2:]) // square
    signs = np.where((rows + columns) % 2 == 0, amount, -amount)
    return np.clip(levels.astype(int) + signs, 0, 255).astype(np.uint8)


def striped(levels: np.ndarray, amount: int) -> np.ndarray:
    signs = np.where(np.arange(levels.shape[3]) % 2 == 0, amount, -amount)
    return np.clip(levels.astype(int) + signs, 0, 255).astype(np.uint8)


def blurred(levels: np.ndarray) -> np.ndarray:
    padded = F.pad(torch.from_numpy(levels).float(), (1, 1, 1, 1), mode="replicate")
    return F.avg_pool2d(padded, 3, 1).round().to(torch.uint8).numpy()


@pytest.mark.parametrize("size", [(16, 16), (15, 22), (8, 8)])
def test_white_noise_has_its_variance_at_every_frequency(size):
    noise = np.random.default_rng(0).integers(0, 256, (600, 1, *size), np.uint8)
    middle, levels = band_levels(power(noise))
    assert np.allclose(levels[1:], 10 * np.log10(256**2 / 12), atol=0.7)
    assert middle.max() < 0.71
    assert abs(lattice_level(power(noise))) < 1.5


def test_equal_pictures_have_no_distance():
    same = power(shapes(20, 1))
    assert spectrum_distance(same, same) == {"spectrum": 0, "sharpness": 0, "checkerboard": 0}


@pytest.mark.parametrize("spoil", [checkered, striped], ids=["both ways", "one way"])
@pytest.mark.parametrize("side", [16, 32, 64])
def test_a_pattern_of_two_pixels_stands_out(spoil, side):
    real, other = shapes(60, 1, side=side), shapes(60, 2, side=side)
    clean, dirty = (spectrum_distance(power(made), power(real)) for made in (other, spoil(other, 6)))
    assert abs(clean["checkerboard"]) < 2
    assert dirty["checkerboard"] > 5


def test_a_pattern_of_four_pixels_stands_out():
    real, other = shapes(60, 1, side=32), shapes(60, 2, side=32)
    assert spectrum_distance(power(checkered(other, 6, square=2)), power(real))["checkerboard"] > 5


def test_blur_and_grain_go_opposite_ways():
    real, other = shapes(60, 1, side=32), shapes(60, 2, side=32)
    grain = np.clip(other + np.random.default_rng(0).normal(0, 12, other.shape), 0, 255).astype(np.uint8)
    clean, soft, grainy = (spectrum_distance(power(made), power(real)) for made in (other, blurred(other), grain))
    assert abs(clean["sharpness"]) < 1
    assert soft["sharpness"] < -5
    assert grainy["sharpness"] > 2
    assert clean["spectrum"] < 1.5 < min(soft["spectrum"], grainy["spectrum"])


@pytest.mark.parametrize("spoil", [lambda levels: checkered(levels, 6), blurred], ids=["checkerboard", "blur"])
def test_fid_of_shrunk_pictures_misses_what_the_spectrum_sees(spoil, eye):
    # The backbone sees pictures at 32 px: those of 64 px are shrunk.
    evaluation = Evaluation(PackedSet.in_memory(shapes(150, 1, side=64)), eye, ["fid", "spectrum"], samples=150)
    other = shapes(150, 2, side=64)
    clean, spoiled = (evaluation.measure(rendered(levels)) for levels in (other, spoil(other)))
    assert spoiled["fid"] < 1.25 * clean["fid"]
    assert spoiled["spectrum"] > 4 * clean["spectrum"]
