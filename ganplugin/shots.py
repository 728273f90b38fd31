"""One look through a film: where it is cut, and how its exposure pumps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shot", "Survey", "survey"]

Pixels = NDArray[np.float32]

_SIDE: Final = 48
_BINS: Final = 16
_NEIGHBOURS: Final = 12
_LEAST: Final = 0.10
"""Differences below this are never cuts: 25 levels of mean difference, or a tenth of all pixels in another bin."""
_DARK: Final = 0.02
_MOST_GAIN: Final = 0.1
_TIMES: Final = 3.0
"""A cut stands out from its neighbourhood by this much, so that fast motion and flicker are none."""


@dataclass(frozen=True)
class Shot:
    """The frames ``start`` to ``stop`` (not included) between two cuts."""

    start: int
    stop: int

    def samples(self, count: int) -> tuple[int, ...]:
        """Return up to so many frames of it, evenly spread, none at its very ends."""
        length = self.stop - self.start
        taken = min(count, length)
        return tuple(self.start + (2 * number + 1) * length // (2 * taken) for number in range(taken))


@dataclass(frozen=True, eq=False)
class Survey:
    """What one look at a whole film tells: its ``shots``, and the ``gains`` [frames, 3] that even its exposure out.

    A gain is what a channel of a frame must be multiplied by to have the brightness of the second around it, which
    takes away the pumping of a camera's automatic exposure, but neither a fade nor what comes into view.
    """

    shots: tuple[Shot, ...]
    gains: Pixels

    def shot(self, index: int) -> Shot:
        """Return the shot that a frame belongs to."""
        return next(shot for shot in self.shots if shot.start <= index < shot.stop)

    def evened(self, frame: Pixels, index: int) -> Pixels:
        """Return a frame [h, w, 3] of the film with its exposure evened out."""
        return np.asarray(np.clip(frame * self.gains[index], 0, 1), np.float32)


def survey(frames: Iterable[Pixels]) -> Survey:
    """Look through a film: frames are float32 [h, w, c], 0..1. Three small copies are in memory at once.

    Dissolves and fades are no cuts, and neither is a single bright frame (a flash).
    """
    changes, brighter = _measured(frames)
    cuts = [index for index in range(1, len(changes)) if _stands_out(changes, index)]
    edges = (0, *cuts, len(changes))
    shots = tuple(Shot(start, stop) for start, stop in pairwise(edges) if start < stop)
    gains = [_gains(brighter[shot.start : shot.stop]) for shot in shots]
    return Survey(shots, np.concatenate(gains) if gains else np.ones((0, 3), np.float32))


def _gains(brighter: NDArray[np.float64]) -> Pixels:
    """Return what brings the exposure of each frame of a shot to the trend of the frames around it."""
    exposure = np.cumsum(brighter, axis=0)
    usual = np.array([_trend(exposure, index) for index in range(len(exposure))])
    return np.asarray(np.exp(np.clip(usual - exposure, -_MOST_GAIN, _MOST_GAIN)), np.float32)


def _trend(exposure: NDArray[np.float64], index: int) -> NDArray[np.float64]:
    """Return the value at ``index`` of the straight line through what is around it."""
    start = max(0, index - _NEIGHBOURS)
    values = exposure[start : index + _NEIGHBOURS + 1]
    times = np.arange(len(values)) + start - index
    away = times - times.mean()
    spread = float((away**2).sum())
    slope = (away @ (values - values.mean(axis=0))) / spread if spread else 0.0
    return np.asarray(values.mean(axis=0) - slope * times.mean())


def _measured(frames: Iterable[Pixels]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how each frame differs from the one before, 0..1, and the logarithm of how much brighter it is [3]."""
    changes: list[float] = []
    brighter: list[NDArray[np.float64]] = []
    before: list[_Small] = []
    for frame in frames:
        small = _Small.of(frame)
        # A flash differs from both its neighbours, which are alike; behind a cut nothing is like what was before.
        by_two = [before[-2].difference(small)] if len(before) > 1 else []
        changes[-1:] = [min(changes[-1], *by_two)] if by_two else changes[-1:]
        changes.append(min(before[-1].difference(small), *by_two, 1.0) if before else 0.0)
        brighter.append(before[-1].brightening(small) if before else np.zeros(3))
        before = [*before[-1:], small]
    return np.array(changes), np.array(brighter)


def _stands_out(changes: NDArray[np.float64], index: int) -> bool:
    around = np.delete(changes[max(1, index - _NEIGHBOURS) : index + _NEIGHBOURS + 1], min(index - 1, _NEIGHBOURS))
    usual = float(np.median(around)) if len(around) else 0.0
    return bool(changes[index] >= max(_LEAST, _TIMES * usual))


@dataclass(frozen=True, eq=False)
class _Small:
    """A frame of a few pixels, and how many of its pixels have each level of each channel."""

    pixels: Pixels
    histogram: NDArray[np.float64]

    @classmethod
    def of(cls, frame: Pixels) -> _Small:
        step = [max(1, side // _SIDE) for side in frame.shape[:2]]
        height, width = (side // part * part for side, part in zip(frame.shape[:2], step, strict=True))
        blocks = frame[:height, :width, :3].reshape(height // step[0], step[0], width // step[1], step[1], -1)
        small = blocks.mean(axis=(1, 3), dtype=np.float32)
        levels = np.clip((small * _BINS).astype(np.int64), 0, _BINS - 1)
        counts = [np.bincount(levels[..., c].ravel(), minlength=_BINS) for c in range(levels.shape[2])]
        return cls(small, np.array(counts) / levels[..., 0].size)

    def difference(self, other: _Small) -> float:
        """Return 0 to 1: the geometric mean of how places and how histograms differ, so that both have to.

        Motion changes places but not the histogram; a change of exposure the histogram more than the places.
        """
        if self.pixels.shape != other.pixels.shape:
            return 1.0
        places = float(np.abs(self.pixels - other.pixels).mean())
        levels = float(np.abs(self.histogram - other.histogram).sum(axis=1).mean()) / 2
        return float(np.sqrt(places * levels))

    def brightening(self, other: _Small) -> NDArray[np.float64]:
        """Return by how much most of another frame is brighter: the median logarithm of the ratio of each channel.

        What moves covers less than half of a picture, and so does not count.
        """
        if self.pixels.shape != other.pixels.shape:
            return np.zeros(3)
        ratios = np.log((other.pixels + _DARK) / (self.pixels + _DARK))
        return np.resize(np.median(ratios, axis=(0, 1)).astype(np.float64), 3)
