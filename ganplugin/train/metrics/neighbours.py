"""Metrics of nearest neighbours among features: quality and variety apart, doubles, and copies of training pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Copies", "Features", "Nearest", "alike", "copies", "doubles", "nearest", "precision_recall"]

Features = NDArray[np.float32]
Distances = NDArray[np.float32]

_ROWS = 1024
_PRECISION_NEIGHBOURS = 3
_DENSITY_NEIGHBOURS = 5
_RARE = 1.0
_SAME = 0.2


@dataclass(frozen=True)
class Nearest:
    """For each of n pictures: which one of another set is nearest, and how far away, in that set's features."""

    index: NDArray[np.int64]
    distance: Distances


@dataclass(frozen=True)
class Copies:
    """How near samples are to training pictures; ``found`` has the nearest of each.

    ``share``: samples nearer than 99 % of unseen pictures are. ``ratio``: median distance to training pictures over
    that to equally many unseen ones, or None if none were held out. ``by_chance``: the share that there would be if
    samples came as near to training pictures as they come to unseen ones; simple pictures are near to many.
    ``nearness``: median distance to training pictures over that of unseen pictures (of one another, without); above 1
    samples are too far from all of them to be copies, and the ratio is chance.
    """

    found: Nearest
    share: float
    ratio: float | None
    by_chance: float = 0.0
    nearness: float = 1.0


def precision_recall(made: Features, real: Features) -> dict[str, float]:
    """Return ``precision`` and ``recall`` (Kynkäänniemi et al. 2019, k = 3), ``density`` and ``coverage`` (k = 5).

    Features [n, f]. Precision: the part of samples inside the real set's reach. Recall: the part of real pictures
    inside the samples' reach. Density and coverage (Naeem et al. 2020) say the same, less moved by outliers: density
    is 1, coverage near 1 for perfect samples. Both sets are cut to the same length, as the balls' sizes depend on it.
    """
    length = min(len(made), len(real))
    made, real = made[:length], real[:length]
    reach = _reach(real)
    wide = reach[:, min(_DENSITY_NEIGHBOURS, length - 1) - 1]
    near, made_reach = reach[:, _k(length) - 1], _reach(made)[:, _k(length) - 1]
    inside, balls = np.zeros(length, bool), 0
    recalled, covered = np.zeros(length, bool), np.zeros(length, bool)
    for rows, distance in _blocks(made, real):
        inside[rows] = (distance <= near).any(1)
        recalled |= (distance <= made_reach[rows, None]).any(0)
        covered |= (distance <= wide).any(0)
        balls += int((distance <= wide).sum())
    return {
        "precision": float(inside.mean()),
        "recall": float(recalled.mean()),
        "density": balls / (min(_DENSITY_NEIGHBOURS, length - 1) * length),
        "coverage": float(covered.mean()),
    }


def _k(length: int) -> int:
    return min(_PRECISION_NEIGHBOURS, length - 1)


def _blocks(a: Features, b: Features) -> Iterator[tuple[slice, Distances]]:
    """Give distances of some rows of ``a`` to all of ``b`` at a time, so that memory stays small."""
    # About the middle the squares are small, so that single precision is enough for their differences.
    middle = b.mean(0)
    centred = b - middle
    squares = np.square(centred).sum(1)
    for start in range(0, len(a), _ROWS):
        some = a[start : start + _ROWS] - middle
        squared = np.square(some).sum(1)[:, None] + squares - 2 * some @ centred.T
        yield slice(start, start + len(some)), np.sqrt(np.maximum(squared, 0))


def _reach(features: Features) -> Distances:
    """Return each picture's distances to its five nearest others, nearest first: [n, <= 5]."""
    count = min(_DENSITY_NEIGHBOURS, len(features) - 1)
    rows = []
    for where, distance in _blocks(features, features):
        distance[np.arange(len(distance)), np.arange(where.start, where.stop)] = np.inf
        rows.append(np.sort(np.partition(distance, count - 1, axis=1)[:, :count], axis=1))
    return np.concatenate(rows)


def nearest(made: Features, others: Features) -> Nearest:
    """Return the nearest of ``others`` for each of ``made``."""
    found = [(distance.argmin(1), distance.min(1)) for _, distance in _blocks(made, others)]
    return Nearest(np.concatenate([index for index, _ in found]), np.concatenate([value for _, value in found]))


def doubles(made: Features, real: Features) -> dict[str, float]:
    """Return ``duplicates``, the part of samples that nearly equal another one, and ``support`` if there are any.

    Two pictures count as the same if they are nearer than 99 % of equally many real pictures are to their nearest, or
    than a fifth of what is usual there.
    With ``pairs`` such pairs among n samples there are about n² / (2 pairs) different pictures to be had (the
    birthday paradox; Arora and Zhang 2018).
    """
    length = min(len(made), len(real))
    limit = _alike(_reach(real[:length])[:, 0])
    some = made[:length]
    pairs, alike = 0, np.zeros(length, bool)
    for rows, distance in _blocks(some, some):
        distance[np.arange(len(distance)), np.arange(rows.start, rows.stop)] = np.inf
        same = distance <= limit
        alike[rows] = same.any(1)
        pairs += int(same.sum())
    support = {"support": length**2 / pairs} if pairs else {}
    return {"duplicates": float(alike.mean()), **support}


def alike(made: Features, real: Features) -> NDArray[np.bool_]:
    """Return which of n samples count as the same as which others, as `doubles` says it: [n, n], n that of the smaller.

    Meant for some hundreds of samples: memory grows with the square.
    """
    length = min(len(made), len(real))
    limit, some = _alike(_reach(real[:length])[:, 0]), made[:length]
    same = np.concatenate([distance <= limit for _, distance in _blocks(some, some)])
    np.fill_diagonal(same, False)
    return same


def _alike(usual: Distances) -> float:
    """Return the distance below which two pictures count as the same, from those of real ones to their nearest.

    A set with doubles of its own has 0 as its first percentile; then a fifth of the median serves.
    """
    return max(float(np.percentile(usual, _RARE)), float(np.median(usual)) * _SAME)


def copies(made: Features, training: Features, unseen: Features | None) -> Copies:
    """Return how near samples are to training pictures, compared with pictures that were never trained on.

    Without ``unseen`` the training pictures' own distances to one another serve, which near doubles among them make
    smaller.
    """
    found = nearest(made, training)
    usual = _reach(training)[:, 0] if unseen is None else nearest(unseen, training).distance
    limit = _alike(usual)
    share = float((found.distance <= limit).mean())
    nearness = float(np.median(found.distance) / max(float(np.median(usual)), 1e-12))
    if unseen is None:
        return Copies(found, share, None, nearness=nearness)
    size = min(len(training), len(unseen))
    to_training, to_unseen = (_distances(made, others, size) for others in (training, unseen))
    ratio = float(np.median(to_training, axis=1).mean() / np.median(to_unseen, axis=1).mean())
    near, near_unseen = (float((distances <= limit).mean()) for distances in (to_training, to_unseen))
    return Copies(found, share, ratio, share * min(1.0, near_unseen / near) if near else 0.0, nearness)


def _distances(made: Features, others: Features, size: int) -> Distances:
    """Return distances to the nearest of ``size`` others, of as many draws as the larger set gives: [draws, n]."""
    starts = range(0, len(others) - size + 1, size)
    return np.stack([nearest(made, others[start : start + size]).distance for start in starts])
