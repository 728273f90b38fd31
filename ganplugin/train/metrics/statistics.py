"""What is kept of a set of pictures to compare it with another: bounded, however many pictures there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganplugin.train.metrics.backbones.backbone import Backbone
from ganplugin.train.metrics.spectrum import power_spectrum
from ganplugin.train.metrics.variety import adjacent_distances

__all__ = ["FEATURES_KEPT", "SCORES_KEPT", "Need", "Statistics", "gather"]

Array = NDArray[Any]
Need = Literal["moments", "features", "scores", "maps", "power"]

FEATURES_KEPT = 10_000
"""So many pictures' features are kept, 51 MB of EfficientNet-Lite0; what compares neighbours uses these."""

SCORES_KEPT = 50_000


@dataclass(frozen=True, eq=False)
class Statistics:
    """Of ``count`` pictures: sums for a Gaussian, the first features and class scores, variety, mean spectrum.

    ``total`` [f] and ``outer`` [f, f] are float64 sums of features and of their products. ``features`` float32 [k, f],
    ``scores`` float32 [k, classes]. ``variety`` is the mean distance of random pairs. ``power`` [h, w] is the
    mean power spectrum. What was not needed is None.
    """

    count: int
    total: NDArray[np.float64] | None = None
    outer: NDArray[np.float64] | None = None
    features: NDArray[np.float32] | None = None
    scores: NDArray[np.float32] | None = None
    variety: float | None = None
    power: NDArray[np.float64] | None = None

    def arrays(self) -> dict[str, Array]:
        """Return all that there is as named arrays; `from_arrays` reads them."""
        return {name: np.asarray(value) for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Statistics:
        """Return the statistics that `arrays` described. Raises `KeyError` or `ValueError` if they are none."""
        unknown = set(arrays) - {field.name for field in fields(cls)}
        if unknown:
            raise KeyError(f"{unknown} is not part of statistics")
        return cls(
            count=int(arrays["count"]),
            total=_wide(arrays.get("total")),
            outer=_wide(arrays.get("outer")),
            features=_narrow(arrays.get("features")),
            scores=_narrow(arrays.get("scores")),
            variety=float(arrays["variety"]) if "variety" in arrays else None,
            power=_wide(arrays.get("power")),
        )


def _wide(array: Array | None) -> NDArray[np.float64] | None:
    return None if array is None else np.asarray(array, np.float64)


def _narrow(array: Array | None) -> NDArray[np.float32] | None:
    return None if array is None else np.asarray(array, np.float32)


class _Sums:
    """Running sums while pictures go by."""

    def __init__(self, backbone: Backbone, needs: frozenset[Need], kept: int) -> None:
        self.backbone, self.needs, self.kept = backbone, needs, kept
        self.count, self.pairs, self.apart = 0, 0, 0.0
        self.total: Tensor | None = None
        self.outer: Tensor | None = None
        self.power: Tensor | None = None
        self.features: list[Tensor] = []
        self.scores: list[Tensor] = []

    def add(self, levels: Tensor) -> None:
        before, self.count = self.count, self.count + len(levels)
        if "power" in self.needs:
            self.power = _sum(self.power, power_spectrum(levels).sum(0))
        if self.needs <= {"power"}:
            return
        looks = self.backbone.look(levels)
        if "moments" in self.needs:
            wide = looks.features.double()
            self.total, self.outer = _sum(self.total, wide.sum(0)), _sum(self.outer, wide.T @ wide)
        if "features" in self.needs and before < self.kept:
            self.features.append(looks.features[: self.kept - before].cpu())
        if "scores" in self.needs and looks.scores is not None and before < SCORES_KEPT:
            self.scores.append(looks.scores[: SCORES_KEPT - before].cpu())
        if "maps" in self.needs:
            distances = adjacent_distances(looks.maps)
            self.pairs, self.apart = self.pairs + len(distances), self.apart + float(distances.sum())

    def statistics(self) -> Statistics:
        return Statistics(
            count=self.count,
            total=_numpy(self.total),
            outer=_numpy(self.outer),
            features=torch.cat(self.features).numpy() if self.features else None,
            scores=torch.cat(self.scores).numpy() if self.scores else None,
            variety=self.apart / self.pairs if self.pairs else None,
            power=None if self.power is None else _numpy(self.power / self.count),
        )


def gather(
    batches: Iterable[Tensor], backbone: Backbone, needs: frozenset[Need], *, kept: int = FEATURES_KEPT
) -> Statistics:
    """Look at pictures, uint8 [n, c, h, w] a batch and in random order, and keep what ``needs`` names."""
    sums = _Sums(backbone, needs, kept)
    for levels in batches:
        sums.add(levels)
    return sums.statistics()


def _sum(before: Tensor | None, more: Tensor) -> Tensor:
    return more if before is None else before + more


def _numpy(value: Tensor | None) -> NDArray[np.float64] | None:
    return None if value is None else value.double().cpu().numpy()
