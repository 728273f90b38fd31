"""Memory that is bounded, whatever the number of pieces and the length of a walk."""

from __future__ import annotations

import gc
import sys

import pytest

from benchmarks.series_memory import FEW_FRAMES, SAMPLES, alone, growth, walk
from ganplugin.nodes import Context
from ganplugin.series.engine import InProcess
from ganplugin.series.entries import Done
from ganplugin.series.unfinished import Unfinished
from ganplugin.series.workshop import Job
from tests.series.conftest import home, models
from tests.series.kit import plan_of, setup_of

__all__ = ["home", "models"]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sizes are read from /proc")


def test_a_long_series_takes_no_more_memory_than_a_short_one():
    """A picture or its latents, kept for each piece, would be more; single entries are counted below."""
    looks, _ = alone({**SAMPLES, "edition": 4000})
    slope, grown = growth(looks)
    assert slope < 1500
    assert grown < 4e6


def entries_alive() -> int:
    gc.collect()
    return sum(type(thing) in (Done, Unfinished) for thing in gc.get_objects())


def test_no_entry_is_kept_once_it_is_in_the_journal(home, tmp_path):
    before = entries_alive()  # of other tests
    alive = []
    plan = plan_of(edition=400)
    jobs = (Job("render", tuple(plan[i] for i in range(start, start + 20))) for start in range(0, 400, 20))
    for number, _ in enumerate(InProcess().run(setup_of(plan, tmp_path), jobs, Context())):
        if number % 50 == 49:
            alive.append(entries_alive() - before)
    assert len(alive) == 8
    assert max(alive) < 80


@pytest.mark.parametrize("write", ["pictures", "film"])
def test_a_long_walk_takes_no_more_memory_than_a_short_one(write):
    """All frames of the long one would be 3 MB as they are computed."""
    short, long = (alone(walk(frames, write))[1] for frames in (FEW_FRAMES, 4000))
    assert long - short < 2e6
