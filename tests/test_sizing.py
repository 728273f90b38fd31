from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.sizing import fit_within, resize, with_channels
from tests.nodes.kit import noise

side = st.integers(1, 40)


@given(side, side, side, side, st.sampled_from([1, 3, 4]))
def test_any_size_becomes_any_size_within_0_and_1(height, width, rows, columns, channels):
    made = resize(noise(height, width, channels), columns, rows)
    assert made.shape == (rows, columns, channels)
    assert made.dtype == np.float32
    assert made.min() >= 0
    assert made.max() <= 1


def test_the_same_size_changes_nothing():
    picture = noise(3, 5)
    assert np.array_equal(resize(picture, 5, 3), picture)


def test_enlarging_is_smooth():
    edge = np.zeros((8, 8, 1), np.float32)
    edge[:, 4:] = 1
    row = resize(edge, 64, 64)[32, :, 0]
    assert np.abs(np.diff(row)).max() < 0.3


def test_a_flat_picture_stays_flat():
    assert np.allclose(resize(np.full((7, 9, 3), 0.3, np.float32), 4, 5), 0.3, atol=1e-6)


@given(side, side, side)
def test_fitting_keeps_proportions_and_never_enlarges(height, width, longest):
    made = fit_within(noise(height, width), longest)
    assert max(made.shape[:2]) == min(longest, max(height, width))
    if longest >= max(height, width):
        assert np.array_equal(made, noise(height, width))
    scale = longest / max(height, width)
    assert abs(made.shape[0] - max(1, height * min(scale, 1))) <= 0.5
    assert abs(made.shape[1] - max(1, width * min(scale, 1))) <= 0.5


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("wanted", "count"), [("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_channels(channels, wanted, count):
    picture = noise(4, 5, channels)
    made = with_channels(picture, wanted)
    assert made.shape == (4, 5, count)
    if channels == count:
        assert np.allclose(made, picture, atol=1e-6)
    if wanted == "RGBA" and channels < 4:
        assert (made[..., 3] == 1).all()


def test_transparency_is_shown_on_white_and_grey_is_weighted():
    clear = np.zeros((1, 1, 4), np.float32)
    assert with_channels(clear, "RGB").tolist() == [[[1, 1, 1]]]
    assert with_channels(clear, "L").tolist() == [[[1]]]
    green = np.array([[[0, 1, 0]]], np.float32)
    assert with_channels(green, "L").ravel() == pytest.approx([0.587])
