from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.framing import Frame
from ganplugin.manifest import Manifest

SIDES = st.integers(1, 40)


def network(**facts: int) -> Manifest:
    return Manifest(kind="style", family="test", name="test", **facts)


@given(height=SIDES, width=SIDES, multiple=st.sampled_from([1, 2, 4, 8]), least=st.integers(1, 33))
def test_padding_reaches_the_multiple_and_the_minimum_and_keeps_the_picture(height, width, multiple, least):
    picture = np.random.RandomState(1).rand(1, height, width, 3).astype(np.float32)
    frame = Frame.around(height, width, network(size_multiple=multiple, minimum_size=least))
    grown = frame.enter(picture)
    assert grown.shape[1:3] == frame.whole
    assert (grown[:, :height, :width] == picture).all()
    for side, before in zip(grown.shape[1:3], (height, width), strict=True):
        assert side % multiple == 0
        assert max(before, least) <= side < max(before, least) + multiple
    assert frame.leave(picture) is picture


@given(height=SIDES, width=SIDES)
def test_a_network_of_one_size_gets_it_and_proportions_stay(height, width):
    frame = Frame.around(height, width, network(height=24, width=16))
    picture = np.full((2, height, width, 3), 0.25, np.float32)
    seen = frame.enter(picture)
    assert seen.shape == (2, 24, 16, 3)
    assert np.allclose(seen, 0.25, atol=1e-5)
    inside = frame.inside
    assert inside[0] == 24 or inside[1] == 16
    assert abs(inside[0] * width - inside[1] * height) <= max(height, width)
    assert frame.leave(seen[:, : inside[0], : inside[1]]).shape == picture.shape


def test_the_picture_lies_at_the_upper_left_and_what_is_missing_mirrors_it():
    ramp = np.linspace(0, 1, 8, dtype=np.float32)
    picture = np.broadcast_to(ramp[None, :, None, None], (1, 8, 8, 3)).astype(np.float32)
    seen = Frame.around(8, 8, network(height=12, width=8)).enter(picture)
    assert (seen[:, :8] == picture).all()
    assert (seen[0, 8:, 0, 0] == ramp[-2:-6:-1]).all()


@given(height=SIDES, width=SIDES, scale=st.integers(1, 8), multiple=st.sampled_from([1, 2, 4]))
def test_what_an_upscaler_returns_is_cut_and_kept_in_its_own_units(height, width, scale, multiple):
    frame = Frame.around(height, width, network(size_multiple=multiple, scale=scale))
    assert frame.returned == (frame.whole[0] * scale, frame.whole[1] * scale)
    assert frame.painted == frame.result == (height * scale, width * scale)
    painted = np.zeros((1, *frame.painted, 3), np.float32)
    assert frame.leave(painted) is painted


def test_an_upscaler_of_one_size_still_returns_its_scale_times_the_picture():
    frame = Frame.around(6, 24, network(height=12, width=16, scale=4))
    assert frame.whole == (12, 16)
    assert frame.inside == (4, 16)
    assert (frame.returned, frame.painted, frame.result) == ((48, 64), (16, 64), (24, 96))
    assert frame.leave(np.full((1, 16, 64, 3), 0.5, np.float32)).shape == (1, 24, 96, 3)


def test_no_pictures_are_no_trouble():
    frame = Frame.around(9, 7, network(height=4, width=4))
    assert frame.enter(np.empty((0, 9, 7, 3), np.float32)).shape[1:3] == (4, 3)
