"""Each number against a small numpy reference."""

from __future__ import annotations

import numpy as np
import torch

from ganplugin.train.metrics.distances import frechet_distance, inception_score, kernel_distance
from ganplugin.train.metrics.statistics import Statistics


def features(count: int, seed: int, *, shift: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(shift, 1, (count, 6)) @ np.diag(np.arange(1, 7) / 3)).astype(np.float32)


def moments(found: np.ndarray) -> Statistics:
    wide = found.astype(np.float64)
    return Statistics(count=len(found), total=wide.sum(0), outer=wide.T @ wide)


def test_fid_is_the_distance_of_two_gaussians():
    a, b = features(80, 1), features(60, 2, shift=0.5)
    root = np.linalg.cholesky(np.cov(a.astype(np.float64), rowvar=False))
    # The eigenvalues of A B are those of R' B R, which is symmetric.
    shared = np.sqrt(np.linalg.eigvalsh(root.T @ np.cov(b.astype(np.float64), rowvar=False) @ root)).sum()
    means = np.square(a.mean(0, dtype=np.float64) - b.mean(0, dtype=np.float64)).sum()
    expected = means + np.cov(a, rowvar=False).trace() + np.cov(b, rowvar=False).trace() - 2 * shared
    assert np.isclose(frechet_distance(moments(a), moments(b)), expected, rtol=1e-6)
    assert abs(frechet_distance(moments(a), moments(a))) < 1e-6


def test_kid_is_the_unbiased_estimate_over_seeded_subsets():
    a, b = features(30, 3), features(50, 4, shift=0.3)
    size, found = 15, []
    random = torch.Generator().manual_seed(7)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x.astype(np.float64) @ y.T.astype(np.float64) / x.shape[1] + 1) ** 3

    for _ in range(100):
        y = b[torch.randperm(len(b), generator=random)[:size].numpy()]
        x = a[torch.randperm(len(a), generator=random)[:size].numpy()]
        within = sum((kernel(z, z).sum() - kernel(z, z).trace()) / (size * (size - 1)) for z in (x, y))
        found.append(within - 2 * kernel(x, y).mean())
    mean, deviation = kernel_distance(a, b, seed=7)
    assert np.isclose(mean, np.mean(found), rtol=1e-4)
    assert np.isclose(deviation, np.std(found), rtol=1e-4)


def test_kid_of_two_draws_of_the_same_is_about_0_and_may_be_below():
    found = [kernel_distance(features(60, 2 * i), features(60, 2 * i + 1), seed=0)[0] for i in range(8)]
    assert abs(np.mean(found)) < 0.1 < kernel_distance(features(60, 1), features(60, 2, shift=1.0), seed=0)[0]
    assert min(found) < 0 < max(found)


def test_the_inception_score_is_that_of_its_formula():
    scores = (3 * np.random.default_rng(5).normal(size=(40, 7))).astype(np.float32)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3)).numpy()
    chance = np.exp(scores[order].astype(np.float64))
    chance /= chance.sum(1, keepdims=True)
    parts = [np.exp((part * (np.log(part) - np.log(part.mean(0)))).sum(1).mean()) for part in np.split(chance, 10)]
    mean, deviation = inception_score(scores, seed=3)
    assert np.isclose(mean, np.mean(parts), rtol=1e-5)
    assert np.isclose(deviation, np.std(parts, ddof=1), rtol=1e-4)


def test_no_chance_of_anybody_else_is_touched():
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    kernel_distance(features(20, 1), features(20, 2), seed=0)
    inception_score(features(20, 1), seed=0)
    assert torch.equal(torch.rand(3), expected)
