"""Numbers over a run, column by column, and thinned so that a page can hold them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Band", "Thinned", "Track", "plain"]

Column = NDArray[np.float64]

_CLOCK = ("step", "kimg", "seconds")


@dataclass(frozen=True)
class Band:
    """Values of one name: mean, lowest and highest in each piece of a run; None where there was none."""

    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


@dataclass(frozen=True)
class Thinned:
    """A track in few pieces: for each the mean step, thousand pictures and seconds, and the values by name.

    ``every`` is the number of entries in a piece, at most; 1: nothing was left out.
    """

    step: list[float | None]
    kimg: list[float | None]
    seconds: list[float | None]
    bands: Mapping[str, Band]
    every: int


@dataclass
class Track:
    """What was noted at steps: every entry has ``step``, ``kimg`` and ``seconds``, and some of the values."""

    columns: dict[str, array[float]] = field(default_factory=lambda: {name: array("d") for name in _CLOCK})

    def __len__(self) -> int:
        return len(self.columns["step"])

    def add(self, entry: Mapping[str, object]) -> None:
        """Take the numbers of an entry; what is no number is left out."""
        numbers = {name: number for name, value in entry.items() if (number := _number(value)) is not None}
        for name in [name for name in numbers if name not in self.columns]:
            self.columns[name] = array("d", [math.nan]) * len(self)
        for name, column in self.columns.items():
            column.append(numbers.get(name, math.nan))

    @property
    def names(self) -> list[str]:
        """The names of values, in the order in which they came."""
        return [name for name in self.columns if name not in _CLOCK]

    @property
    def lively(self) -> list[str]:
        """The names of values that are not 0 all the time."""
        return [name for name in self.names if self.column(name).any()]

    def column(self, name: str) -> Column:
        """Return float64 [entries], NaN where there was none."""
        return np.frombuffer(self.columns[name], np.float64) if len(self) else np.empty(0)

    def last(self, name: str) -> float:
        """Return the last finite value, NaN if there is none."""
        finite = self.column(name)[np.isfinite(self.column(name))]
        return float(finite[-1]) if len(finite) else math.nan

    def thinned(self, most: int) -> Thinned:
        """Return at most ``most`` pieces. No extreme value is lost: each piece knows its lowest and highest."""
        every = max(1, -(-len(self) // most))
        starts = np.arange(0, len(self), every)
        step, kimg, seconds = (plain(_means(self.column(name), starts)) for name in _CLOCK)
        return Thinned(step, kimg, seconds, {name: _band(self.column(name), starts) for name in self.names}, every)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _band(column: Column, starts: NDArray[np.int64]) -> Band:
    clean = np.where(np.isfinite(column), column, np.nan)
    low, high = (reduce.reduceat(clean, starts) if len(starts) else clean for reduce in (np.fmin, np.fmax))
    return Band(plain(_means(clean, starts)), plain(low), plain(high))


def _means(column: Column, starts: NDArray[np.int64]) -> Column:
    """Return the mean of the finite values of each piece, NaN where there are none."""
    if not len(starts):
        return np.empty(0)
    finite = np.isfinite(column)
    counts = np.add.reduceat(finite.astype(np.float64), starts)
    sums = np.add.reduceat(np.where(finite, column, 0.0), starts)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def plain(values: Column) -> list[float | None]:
    """Return numbers as JSON can hold them: five digits, None for what is no number."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values.tolist()]
