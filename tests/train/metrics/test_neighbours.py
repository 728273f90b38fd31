"""Neighbour metrics against loops over single pictures."""

from __future__ import annotations

import numpy as np
import pytest

from ganplugin.train.metrics import neighbours
from ganplugin.train.metrics.neighbours import copies, doubles, nearest, precision_recall


def cloud(count: int, seed: int, *, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, 3)).astype(np.float32)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a[:, None].astype(np.float64) - b[None], axis=2)


def balls(points: np.ndarray, k: int) -> np.ndarray:
    return np.sort(distances(points, points), axis=1)[:, k]


@pytest.fixture(params=[4, 1000])
def rows(request, monkeypatch) -> None:
    """Small blocks and one block give the same."""
    monkeypatch.setattr(neighbours, "_ROWS", request.param)


def test_precision_recall_density_and_coverage_are_their_papers(rows):
    made, real = cloud(30, 1, shift=0.8), cloud(41, 2)
    found = precision_recall(made, real)
    real = real[:30]
    apart = distances(made, real)
    assert found["precision"] == np.mean([(row <= balls(real, 3)).any() for row in apart])
    assert found["recall"] == np.mean([(column <= balls(made, 3)).any() for column in apart.T])
    assert found["density"] == pytest.approx((apart <= balls(real, 5)).sum() / (5 * 30))
    assert found["coverage"] == np.mean(apart.min(0) <= balls(real, 5))
    assert all(0 < found[name] < 1 for name in ("precision", "recall", "coverage"))


def test_equal_sets_are_perfect_and_far_ones_are_not(rows):
    same = precision_recall(cloud(20, 1), cloud(20, 1))
    assert same == {"precision": 1, "recall": 1, "density": pytest.approx(1.2), "coverage": 1}
    assert set(precision_recall(cloud(20, 1), cloud(20, 2, shift=50)).values()) == {0.0}


def test_the_nearest_is_found(rows):
    made, others = cloud(9, 1), cloud(25, 2)
    found = nearest(made, others)
    assert found.index.tolist() == distances(made, others).argmin(1).tolist()
    assert np.allclose(found.distance, distances(made, others).min(1), atol=1e-4)


def test_doubles_are_counted_and_tell_how_many_pictures_there_are(rows):
    real = cloud(100, 1)
    few = real[np.arange(100) % 20] + np.float32(1e-4) * cloud(100, 3)
    found = doubles(few, real)
    assert found["duplicates"] == 1
    assert found["support"] == pytest.approx(100**2 / (100 * 4))
    assert doubles(cloud(100, 4), real)["duplicates"] < 0.06


def test_doubles_are_found_though_the_real_pictures_have_their_own():
    real = cloud(100, 1)
    real[:4] = real[4:8]
    assert doubles(real[np.arange(100) % 10], real)["duplicates"] == 1


def test_copies_of_training_pictures_are_told_from_fresh_ones(rows):
    training, unseen = cloud(150, 1), cloud(50, 2)
    stolen = copies(training[:40] + np.float32(1e-3), training, unseen)
    fresh = copies(cloud(40, 3), training, unseen)
    assert stolen.share == 1
    assert stolen.found.index.tolist() == list(range(40))
    assert stolen.ratio < 0.8 < fresh.ratio < 1.25
    assert fresh.share < 0.1
    assert copies(training[:40], training, None).share == 1
    assert copies(cloud(40, 3), training, None).ratio is None
