"""Every metric: what it needs, how it is computed, and what its numbers mean in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import InputError
from ganplugin.registry import did_you_mean
from ganplugin.train.metrics.distances import frechet_distance, inception_score, kernel_distance
from ganplugin.train.metrics.neighbours import Copies, copies, doubles, precision_recall
from ganplugin.train.metrics.numbers import NUMBERS, Number
from ganplugin.train.metrics.spectrum import spectrum_distance
from ganplugin.train.metrics.statistics import Need, Statistics

__all__ = ["METRICS", "ROUTINE", "Comparison", "Metric", "Number", "chosen_metrics", "numbers_of"]

ROUTINE = ("kid", "pr", "diversity", "duplicates", "spectrum")
"""What is cheap enough to measure again and again while training."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a metric may look at: samples, real pictures, and, where they are known, the training pictures.

    ``unseen`` tells whether the real pictures were kept from the training. ``percentiles`` are the samples' by the
    discriminator, 0..100.
    """

    made: Statistics
    real: Statistics
    training: Statistics | None = None
    unseen: bool = False
    percentiles: NDArray[np.float64] | None = None
    seed: int = 0


@dataclass(frozen=True)
class Metric:
    """A metric, the numbers that it gives, and what must be gathered for it."""

    name: str
    needs: frozenset[Need]
    measure: Callable[[Comparison], Mapping[str, float]]
    numbers: tuple[Number, ...]
    asks: Literal["nothing", "classes", "training", "discriminator"] = field(default="nothing")


def _fid(given: Comparison) -> Mapping[str, float]:
    return {"fid": frechet_distance(given.made, given.real)}


def _kid(given: Comparison) -> Mapping[str, float]:
    mean, deviation = kernel_distance(_features(given.made), _features(given.real), seed=given.seed)
    return {"kid": mean, "kid_std": deviation}


def _is(given: Comparison) -> Mapping[str, float]:
    if given.made.scores is None:
        return {}
    mean, deviation = inception_score(given.made.scores, seed=given.seed)
    return {"is": mean, "is_std": deviation}


def _pr(given: Comparison) -> Mapping[str, float]:
    return precision_recall(_features(given.made), _features(given.real))


def _diversity(given: Comparison) -> Mapping[str, float]:
    if given.made.variety is None or not given.real.variety:
        return {}
    return {"diversity": given.made.variety / given.real.variety}


def _duplicates(given: Comparison) -> Mapping[str, float]:
    return doubles(_features(given.made), _features(given.real))


def _spectrum(given: Comparison) -> Mapping[str, float]:
    if given.made.power is None or given.real.power is None:
        return {}
    return spectrum_distance(given.made.power, given.real.power)


def _copies(given: Comparison) -> Mapping[str, float]:
    found = copies_of(given)
    if found is None:
        return {}
    return {"copies": found.share} | ({} if found.ratio is None else {"nearest_ratio": found.ratio})


def copies_of(given: Comparison) -> Copies | None:
    """Return the nearest training picture of every sample, or None if the training pictures are not known."""
    if given.training is None:
        return None
    return copies(_features(given.made), _features(given.training), _features(given.real) if given.unseen else None)


def _percentile(given: Comparison) -> Mapping[str, float]:
    return {} if given.percentiles is None else {"percentile": float(given.percentiles.mean())}


def _features(found: Statistics) -> NDArray[np.float32]:
    if found.features is None:
        raise ValueError("these statistics were gathered without features")
    return found.features


def _needs(*names: Need) -> frozenset[Need]:
    return frozenset(names)


def _numbers(*names: str) -> tuple[Number, ...]:
    return tuple(NUMBERS[name] for name in names)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("kid", _needs("features"), _kid, _numbers("kid", "kid_std")),
        Metric("fid", _needs("moments"), _fid, _numbers("fid")),
        Metric("is", _needs("scores"), _is, _numbers("is", "is_std"), asks="classes"),
        Metric("pr", _needs("features"), _pr, _numbers("precision", "recall", "density", "coverage")),
        Metric("diversity", _needs("maps"), _diversity, _numbers("diversity")),
        Metric("duplicates", _needs("features"), _duplicates, _numbers("duplicates", "support")),
        Metric("spectrum", _needs("power"), _spectrum, _numbers("spectrum", "sharpness", "checkerboard")),
        Metric("copies", _needs("features"), _copies, _numbers("copies", "nearest_ratio"), asks="training"),
        Metric("percentile", _needs(), _percentile, _numbers("percentile"), asks="discriminator"),
    )
}
"""Every metric by name."""


def chosen_metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    """Return metrics by name. Raises `InputError` for one that does not exist."""
    for name in names:
        if name not in METRICS:
            raise InputError(f"there is no metric {name!r}", where="--metrics", fix=did_you_mean(name, METRICS))
    return tuple(METRICS[name] for name in dict.fromkeys(names))


def numbers_of(metrics: Sequence[Metric]) -> dict[str, Number]:
    """Return all numbers of some metrics by name."""
    return {number.name: number for metric in metrics for number in metric.numbers}
