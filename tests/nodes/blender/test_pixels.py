from __future__ import annotations

import numpy as np
import pytest

from ganplugin.images import to_uint8
from ganplugin.nodes.blender.pixels import picture_of


def test_levels_are_taken_as_they_are_and_the_bottom_row_comes_last():
    values = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4) / 255
    picture = picture_of(values, linear=False)
    assert picture.dtype == np.float32
    assert np.array_equal(to_uint8(picture), np.arange(24).reshape(2, 3, 4)[::-1])


def test_light_becomes_levels():
    light = np.array([[[0.0, 0.002, 0.0031308, 1], [0.18, 0.5, 1.0, 1], [-1, 2, np.nan, 1]]], np.float32)
    assert to_uint8(picture_of(light, linear=True)).tolist() == [[[0, 7, 10], [118, 188, 255], [0, 255, 0]]]


def test_alpha_divides_light_and_stays():
    pixel = np.array([[[0.25, 0.25, 0.25, 0.5], [0, 0, 0, 0]]], np.float32)
    lit, empty = picture_of(pixel, linear=True)[0]
    assert lit == pytest.approx([1, 1, 1, 0.5], abs=0.08)
    assert list(empty) == [0, 0, 0, 0]
    assert picture_of(pixel, linear=False)[0, 0].tolist() == pytest.approx([0.25, 0.25, 0.25, 0.5])


@pytest.mark.parametrize(("channels", "expected"), [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_only_channels_that_say_something_come_in(channels, expected):
    assert picture_of(np.ones((2, 2, channels), np.float32), linear=False).shape == (2, 2, expected)
