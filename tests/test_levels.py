from __future__ import annotations

import numpy as np
import pytest

from ganplugin.errors import ImageError
from ganplugin.levels import from_uint8, lay_levels, refuse_nan, to_uint8


def laid(planes):
    count, channels, height, width = planes.shape
    levels = np.full((count, height, width, channels), 7, np.uint8)
    lay_levels(planes, levels)
    return levels


def expected(planes):
    return to_uint8(planes.transpose(0, 2, 3, 1))


def awkward_values():
    """Ties and their neighbours, level values, what is out of range, and the smallest numbers."""
    ties = ((np.arange(-2, 258) + 0.5) / 255).astype(np.float32)
    levels = (np.arange(-2, 258) / 255).astype(np.float32)
    near = [np.nextafter(values, np.float32(side)) for values in (ties, levels) for side in (-9, 9)]
    edges = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, 1e-45, -1e-45, 1e-38, 3e38, -3e38, np.nextafter(1, 2)]
    return np.concatenate([ties, levels, *near, np.asarray(edges, np.float32)])


def test_awkward_values_are_rounded_as_ever():
    values = awkward_values()
    planes = values[: len(values) // 12 * 12].reshape(2, 3, 2, -1)
    assert np.array_equal(laid(planes), expected(planes))
    assert {0, 1, 127, 128, 254, 255} <= set(laid(planes).ravel().tolist())


def test_halves_go_to_the_even_level():
    tie = np.asarray([0.5 / 255, 1.5 / 255], np.float32)
    assert (tie * np.float32(255)).tolist() == [0.5, 1.5]
    assert laid(tie.reshape(1, 1, 1, 2)).ravel().tolist() == [0, 2]


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 4, 5, 7), (2, 3, 300, 500), (1, 3, 2, 70_000), (0, 3, 4, 4)])
def test_every_shape_is_laid_whole(shape):
    planes = np.random.default_rng(1).normal(0.5, 0.4, shape).astype(np.float32)
    assert np.array_equal(laid(planes), expected(planes))


def test_a_part_of_larger_planes_can_be_laid():
    planes = np.random.default_rng(2).random((2, 3, 9, 11), np.float32)[:, :, :7, :5]
    assert np.array_equal(laid(planes), expected(planes))
    assert planes.min() > 0, "the source is read only"


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 2, 299, 299)])
def test_nan_is_refused_wherever_it_is(place):
    planes = np.full((2, 3, 300, 300), 0.5, np.float32)
    planes[place] = np.nan
    for refuse in (laid, expected):
        with pytest.raises(ImageError, match=r"^the picture holds NaN values - check the model"):
            refuse(planes)


def test_each_way_returns_what_it_would_make():
    levels, values = np.arange(256, dtype=np.uint8), np.linspace(0, 1, 256, dtype=np.float32)
    assert to_uint8(levels).tolist() == levels.tolist()
    assert from_uint8(values).tolist() == values.tolist()
    assert np.array_equal(to_uint8(from_uint8(levels)), levels)


def test_infinity_is_a_number_and_nothing_holds_no_nan():
    refuse_nan(np.asarray([np.inf, -np.inf], np.float32))
    refuse_nan(np.empty((0, 3), np.float32))
