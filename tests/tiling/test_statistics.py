from __future__ import annotations

import numpy as np
import pytest

from ganplugin.tiling.statistics import GATHERERS, Moments


def tiles(picture, count=3):
    for rows in np.array_split(picture, count, axis=1):
        yield from np.array_split(rows, count, axis=2)


def gathered(kind, picture, groups):
    gatherer = GATHERERS[kind]()
    for tile in tiles(picture):
        gatherer.add(tile)
    return gatherer.found(groups)


@pytest.fixture
def picture():
    return (np.random.RandomState(2).randn(6, 40, 31) * 3 + 5).astype(np.float32)


@pytest.mark.parametrize("groups", [6, 3, 1])
def test_numbers_gathered_from_tiles_are_those_of_the_whole(picture, groups):
    rows = picture.reshape(groups, -1).astype(np.float64)
    expected = {
        "InstanceNormalization": (rows.mean(axis=1), rows.var(axis=1)),
        "GlobalAveragePool": (rows.mean(axis=1),),
        "GlobalMaxPool": (rows.max(axis=1),),
        "ReduceMax": (rows.max(axis=1),),
        "ReduceMean": (rows.mean(axis=1),),
        "ReduceMin": (rows.min(axis=1),),
        "ReduceSum": (rows.sum(axis=1),),
        "ReduceSumSquare": (np.square(rows).sum(axis=1),),
    }
    assert set(expected) == set(GATHERERS)
    for kind, values in expected.items():
        for found, value in zip(gathered(kind, picture, groups), values, strict=True):
            assert np.allclose(found, value, rtol=1e-5), kind


def test_a_small_spread_far_from_zero_is_not_lost():
    """The difference of mean square and squared mean would be all rounding here."""
    picture = (1000 + 0.01 * np.random.RandomState(0).randn(1, 300, 300)).astype(np.float32)
    moments = Moments()
    for tile in tiles(picture):
        moments.add(tile)
    (mean,), (variance,) = moments.found(1)
    assert mean == pytest.approx(picture.mean(dtype=np.float64), abs=1e-4)
    assert variance == pytest.approx(picture.var(dtype=np.float64), rel=1e-2)
