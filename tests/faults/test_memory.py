"""Memory that is bounded, whatever the number of pieces and the length of a walk."""

from __future__ import annotations

import sys

import pytest

from benchmarks.series_memory import FEW_FRAMES, SAMPLES, alone, growth, walk

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sizes are read from /proc")


def test_a_long_series_takes_no_more_memory_than_a_short_one():
    """One entry that was kept for each piece was 400 bytes a piece."""
    looks, _ = alone({**SAMPLES, "edition": 4000})
    slope, grown = growth(looks)
    assert slope < 200
    assert grown < 3e6


@pytest.mark.parametrize("write", ["pictures", "film"])
def test_a_long_walk_takes_no_more_memory_than_a_short_one(write):
    """All frames of the long one would be 3 MB as they are computed."""
    short, long = (alone(walk(frames, write))[1] for frames in (FEW_FRAMES, 4000))
    assert long - short < 2e6
