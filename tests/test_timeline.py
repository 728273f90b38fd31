from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ganplugin.timeline import timeline

MS = Fraction(1, 1000)


def stamps(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_whole_milliseconds_still_give_the_rate(rate):
    times = np.array([round(1000 * number / rate) for number in range(50)], np.int64)
    line = timeline(times, round(50_000 / rate), MS)
    assert line.rate == rate
    assert not line.varies
    assert line.positions.tolist() == list(range(50))


def test_the_claimed_rate_is_taken_where_the_times_agree():
    times = np.arange(20, dtype=np.int64) * 1001
    assert timeline(times, 20_020, Fraction(1, 30000), hint=Fraction(2997, 100)).rate == Fraction(2997, 100)
    assert timeline(times, 20_020, Fraction(1, 30000), hint=Fraction(25)).rate == Fraction(30000, 1001)


def test_a_pause_is_filled_with_the_frame_that_stands():
    line = timeline(stamps(0, 40, 80, 200, 240), 280, MS)
    assert line.varies
    assert line.rate == 25
    assert line.positions.tolist() == [0, 1, 2, 2, 2, 3, 4]


def test_jitter_drops_and_doubles_nothing():
    line = timeline(stamps(0, 32, 68, 99, 134, 166, 300, 331), 366, MS)
    assert line.varies
    assert line.positions.tolist() == [0, 1, 2, 3, 4, 5, 5, 5, 5, 6, 7]


def test_the_length_is_kept_whatever_the_rhythm():
    times = np.cumsum(np.random.RandomState(1).choice([33, 34, 33, 67, 100], 200))
    line = timeline(times.astype(np.int64), int(times[-1]) + 33, MS)
    assert len(line.positions) / float(line.rate) == pytest.approx((times[-1] + 33 - times[0]) / 1000, abs=0.04)
    assert line.positions[0] == 0
    assert line.positions[-1] == 199


def test_one_frame_has_the_claimed_rate_or_a_usual_one():
    assert timeline(stamps(7), 40, MS).rate == 25
    assert timeline(stamps(7), 40, MS, hint=Fraction(12)).rate == 12
    assert timeline(stamps(7), 40, MS).positions.tolist() == [0]
