"""From the time stamps of frames to a constant frame rate: which frame is shown at each beat."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Timeline", "timeline"]

_COMMON: Final = tuple(
    Fraction(rate) if isinstance(rate, int) else Fraction(*rate)
    for rate in (10, 12, 15, (24000, 1001), 24, 25, (30000, 1001), 30, 48, 50, (60000, 1001), 60, 100, 120, 240)
)
_FASTEST: Final = Fraction(240)
_STILL_RATE: Final = Fraction(25)


@dataclass(frozen=True, eq=False)
class Timeline:
    """A film at ``rate`` frames a second, whose frame k is number ``positions[k]`` of what the file holds.

    ``varies`` says that the file's own rate is not constant, so that some of its frames stand twice or not at all.
    """

    rate: Fraction
    positions: NDArray[np.int64]
    varies: bool


def timeline(
    stamps: NDArray[np.int64], end: int, base: Fraction, rounding: int = 1, hint: Fraction | None = None
) -> Timeline:
    """Return the constant rate of a film and its frames.

    ``stamps`` are the times at which frames appear, rising, and ``end`` when the last one goes, in units of ``base``
    seconds; they may be wrong by ``rounding``. ``hint`` is the rate that the file claims, taken where they agree.
    """
    count = len(stamps)
    if count < 2:
        return Timeline(hint or _STILL_RATE, np.arange(count), varies=False)
    span = int(stamps[-1]) - int(stamps[0])
    period = span / (count - 1)
    regular = stamps[0] + period * np.arange(count)
    if np.abs(stamps - regular).max() <= max(rounding, period / 4):
        rate = Fraction(count - 1, span) / base
        return Timeline(_named(rate, hint, doubt=rounding / span), np.arange(count), varies=False)
    rate = _named(1 / (Fraction(float(np.median(np.diff(stamps)))) * base), None)
    return Timeline(rate, _shown(stamps, end, base, rate), varies=True)


def _shown(stamps: NDArray[np.int64], end: int, base: Fraction, rate: Fraction) -> NDArray[np.int64]:
    """Return the frame that is there at each beat; one that comes up to half a beat late counts as there."""
    beat = float(1 / (rate * base))
    beats = stamps[0] + beat * np.arange(max(1, round((end - int(stamps[0])) / beat)))
    return np.asarray(np.searchsorted(stamps, beats + beat / 2, side="right") - 1, np.int64)


def _named(rate: Fraction, hint: Fraction | None, doubt: float = 0.0) -> Fraction:
    """Return the claimed rate if it is within the ``doubt`` of the measured one, else the nearest usual one, or it."""
    rate = min(rate, _FASTEST)
    doubt = max(doubt, 0.002)
    if hint is not None and abs(hint - rate) <= rate * doubt:
        return hint
    near = min(_COMMON, key=lambda known: abs(known - rate))
    return near if abs(near - rate) <= rate * doubt else rate.limit_denominator(1001)
