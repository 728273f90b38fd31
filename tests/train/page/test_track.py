from __future__ import annotations

import math

import numpy as np

from ganplugin.train.page.track import Track


def track(values: list[float | None]) -> Track:
    made = Track()
    for step, value in enumerate(values):
        made.add({"step": step, "kimg": step / 10, "seconds": 2 * step, **({} if value is None else {"loss": value})})
    return made


def test_few_entries_stay_as_they_are() -> None:
    thinned = track([3.0, 1.0, 2.0]).thinned(3)
    assert thinned.every == 1
    assert thinned.bands["loss"].mean == thinned.bands["loss"].low == thinned.bands["loss"].high == [3, 1, 2]
    assert (thinned.step, thinned.kimg, thinned.seconds) == ([0, 1, 2], [0, 0.1, 0.2], [0, 2, 4])


def test_a_long_run_is_thinned_and_keeps_every_extreme() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=100_003).tolist()
    values[77_777], values[12_345] = 99.0, -99.0
    thinned = track(values).thinned(500)
    band = thinned.bands["loss"]
    assert len(thinned.step) == len(band.mean) <= 500
    assert (max(v for v in band.high if v is not None), min(v for v in band.low if v is not None)) == (99, -99)
    assert band.mean[0] is not None
    assert math.isclose(band.mean[0], float(np.mean(values[: thinned.every])), rel_tol=1e-4)


def test_what_is_missing_or_no_number_is_none() -> None:
    made = track([None, 1.0, float("nan"), float("inf")])
    made.add({"step": 4, "loss": "much", "flag": True})
    thinned = made.thinned(10)
    assert thinned.bands["loss"].mean == [None, 1, None, None, None]
    assert thinned.kimg[-1] is None
    assert made.names == ["loss"]


def test_what_is_nothing_but_zero_is_not_lively() -> None:
    made = Track()
    for step, chance in enumerate((0.0, 0.5)):
        made.add({"step": step, "penalty": 0.0, "chance": chance})
    assert (made.names, made.lively) == (["penalty", "chance"], ["chance"])


def test_a_value_that_comes_late_begins_late() -> None:
    made = track([1.0, 2.0])
    made.add({"step": 2, "kimg": 0.2, "seconds": 4, "fid": 7})
    assert made.thinned(10).bands["fid"].mean == [None, None, 7]


def test_nothing_is_thinned_to_nothing() -> None:
    thinned = Track().thinned(10)
    assert (thinned.step, thinned.bands, thinned.every) == ([], {}, 1)
