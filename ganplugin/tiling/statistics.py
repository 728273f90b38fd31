"""Numbers about a whole picture, gathered tile by tile: each pixel counts once, sums are kept in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["GATHERERS", "Gatherer", "Moments"]

Array = NDArray[Any]
Total = NDArray[np.float64]


class Gatherer(Protocol):
    """What takes the tiles of a feature map, each [channels, h, w], and says what they come to."""

    def add(self, tile: Array) -> None:
        """Take in one tile."""

    def found(self, groups: int) -> tuple[Total, ...]:
        """Return one or more numbers for each of ``groups`` of channels."""


class Moments:
    """Mean and variance of each channel (Chan, Golub and LeVeque 1979: merged so that nothing cancels out)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Total = np.zeros(0)
        self._squares: Total = np.zeros(0)

    def add(self, tile: Array) -> None:
        """Take in one tile."""
        count = tile[0].size
        mean, squares = (np.empty(len(tile)) for _ in range(2))
        for channel, plane in enumerate(tile):  # one at a time stays in the processor's cache
            flat = np.array(plane, np.float32).reshape(-1)
            mean[channel] = flat.mean()
            flat -= np.float32(mean[channel])
            squares[channel] = np.square(flat, out=flat).sum()
        if not self._count:
            self._mean, self._squares = np.zeros(len(tile)), np.zeros(len(tile))
        total = self._count + count
        apart = mean - self._mean
        self._squares += squares + apart**2 * (self._count * count / total)
        self._mean = self._mean + apart * (count / total)
        self._count = total

    def found(self, groups: int) -> tuple[Total, ...]:
        """Return mean and variance (not corrected for the sample) of each group of channels."""
        means = self._mean.reshape(groups, -1)
        mean = means.mean(axis=1)
        within = (self._squares / self._count).reshape(groups, -1).mean(axis=1)
        return mean, within + np.square(means - mean[:, None]).mean(axis=1)


class _Fold:
    """A number a channel that comes from each tile by one function, and from several numbers by another."""

    def __init__(self, within: Callable[[Array], Total], across: np.ufunc, *, mean: bool = False) -> None:
        self._within, self._across, self._mean = within, across, mean
        self._so_far: Total | None = None
        self._count = 0

    def add(self, tile: Array) -> None:
        here = self._within(tile)
        self._so_far = here if self._so_far is None else self._across(self._so_far, here)
        self._count += tile[0].size

    def found(self, groups: int) -> tuple[Total, ...]:
        so_far = (np.zeros(0) if self._so_far is None else self._so_far).reshape(groups, -1)
        total: Total = self._across.reduce(so_far, axis=1)
        return (total / (self._count * so_far.shape[1]) if self._mean else total,)


def _sum(tile: Array) -> Total:
    return np.asarray(tile.sum(axis=(1, 2), dtype=np.float64))


def _square_sum(tile: Array) -> Total:
    return np.asarray(np.square(tile, dtype=np.float64).sum(axis=(1, 2)))


def _most(tile: Array) -> Total:
    return np.asarray(tile.max(axis=(1, 2)), np.float64)


def _least(tile: Array) -> Total:
    return np.asarray(tile.min(axis=(1, 2)), np.float64)


GATHERERS: Final[Mapping[str, Callable[[], Gatherer]]] = {
    "InstanceNormalization": Moments,
    "GlobalAveragePool": lambda: _Fold(_sum, np.add, mean=True),
    "GlobalMaxPool": lambda: _Fold(_most, np.maximum),
    "ReduceMax": lambda: _Fold(_most, np.maximum),
    "ReduceMean": lambda: _Fold(_sum, np.add, mean=True),
    "ReduceMin": lambda: _Fold(_least, np.minimum),
    "ReduceSum": lambda: _Fold(_sum, np.add),
    "ReduceSumSquare": lambda: _Fold(_square_sum, np.add),
}
"""What can be gathered, by the operator that asks for it."""
