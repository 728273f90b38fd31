"""An evaluation: a reference looked at once, and generated pictures measured against it as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganplugin.errors import InputError
from ganplugin.train.metrics.backbones.backbone import Backbone
from ganplugin.train.metrics.catalogue import ROUTINE, Comparison, chosen_metrics
from ganplugin.train.metrics.reference import Reference
from ganplugin.train.metrics.statistics import Need, Statistics, gather
from ganplugin.train.pictures.packed import PackedSet

__all__ = ["FEWEST", "Evaluation", "Render", "Scorer", "as_levels", "render_rows", "score_rows"]

Pixels = NDArray[np.float32]

Render = Callable[[int, int], Tensor]
"""``(start, count)`` -> generated pictures, float32 [count, c, h, w], 0..1, the same whenever the index is."""

Scorer = Callable[[Tensor], Tensor]
"""Pictures, float32 [n, c, h, w], 0..1 -> a discriminator's opinion [n]; higher is more real."""

FEWEST = 16
"""Fewer pictures than this, of either kind, are not worth a number."""

_BATCH = 64


def render_rows(rows: Callable[[int, int], Pixels]) -> Render:
    """Return as a `Render` what gives pictures as float32 [count, h, w, c], 0..1, such as a runtime's."""
    return lambda start, count: torch.from_numpy(np.ascontiguousarray(rows(start, count).transpose(0, 3, 1, 2)))


def score_rows(judge: Callable[[Pixels], Pixels]) -> Scorer:
    """Return as a `Scorer` what scores pictures float32 [n, h, w, c], 0..1."""
    return lambda images: torch.from_numpy(judge(images.permute(0, 2, 3, 1).cpu().numpy()))


def _unwatched(pictures: int) -> None:
    """Watch nothing."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How generated pictures are measured: against what, with whose eye, by which metrics, on how many samples.

    ``reference``: real pictures, best those that no network was trained on (`PackedSet.split`); then ``training`` are
    those that it was trained on, and copies can be found. ``scorer`` judges samples and training pictures.
    ``cache``: folder that keeps what was seen of real pictures, for the next evaluation. At most ``most`` pictures of
    either kind are looked at; None: all. ``seed`` decides the random subsets of KID and IS.
    ``looked`` is told after so many more pictures were looked at.
    """

    reference: PackedSet
    backbone: Backbone
    metrics: Sequence[str] = ROUTINE
    samples: int = 500
    seed: int = 0
    training: PackedSet | None = None
    scorer: Scorer | None = None
    cache: Path | None = None
    most: int | None = None
    looked: Callable[[int], None] = _unwatched

    def __post_init__(self) -> None:
        chosen_metrics(self.metrics)
        for found, where in ((self.samples, "samples"), (len(self.reference), "reference")):
            if found < FEWEST:
                raise InputError(
                    f"{found} pictures are too few to compare, {FEWEST} are needed", where=where, fix="use more"
                )

    def measure(self, render: Render) -> dict[str, float]:
        """Return every number of the metrics, by name; what cannot be told (no class head, no split) is left out.

        Costs ``samples`` looks of the backbone, and once as many as there are real pictures. Raises `InputError` if
        the generated pictures have not the shape of the real ones.
        """
        return self.numbers(self.compare(render))

    def compare(self, render: Render) -> Comparison:
        """Look at all samples and return what the metrics look at."""
        scores: list[Tensor] = []
        made = gather(self._made(render, scores), self.backbone, self.needs)
        return Comparison(
            made=made,
            real=self.real,
            training=self.trained if self._asks("training") else None,
            unseen=self.training is not None,
            percentiles=self._percentiles(torch.cat(scores).cpu().numpy()) if scores else None,
            seed=self.seed,
        )

    def numbers(self, comparison: Comparison) -> dict[str, float]:
        """Return every number that the metrics find in a comparison."""
        found: dict[str, float] = {}
        for metric in chosen_metrics(self.metrics):
            found |= metric.measure(comparison)
        return found

    def floor(self) -> dict[str, float]:
        """Return the numbers of training pictures in the place of samples: what perfect samples would get.

        Empty if the training pictures are not known.
        """
        if self.training is None or len(self.training) < FEWEST:
            return {}
        made = self._seen(self.training, self.needs, self.samples)
        return self.numbers(Comparison(made=made, real=self.real, seed=self.seed))

    @cached_property
    def needs(self) -> frozenset[Need]:
        """What must be gathered for the metrics."""
        return frozenset(need for metric in chosen_metrics(self.metrics) for need in metric.needs)

    @cached_property
    def real(self) -> Statistics:
        """What was seen of the reference, now or before."""
        return self._seen(self.reference, self.needs, self.most)

    @cached_property
    def trained(self) -> Statistics:
        """Features of the training pictures; of the reference, if those are not known."""
        return self.real if self.training is None else self.shown.statistics(self.looked)

    @property
    def looks(self) -> int:
        """How many pictures an examination looks at: samples, real ones, training ones, and as many in their place."""
        training = 0 if self.training is None else len(self.training)
        return self.samples + len(self.reference) + training + min(training, self.samples)

    @property
    def shown(self) -> Reference:
        """The training pictures, or the reference, as the backbone looks at them for copies."""
        pictures = self.reference if self.training is None else self.training
        return Reference(pictures, self.backbone, frozenset({"features"}), self.most, self.cache)

    def _seen(self, pictures: PackedSet, needs: frozenset[Need], most: int | None) -> Statistics:
        return Reference(pictures, self.backbone, needs, most, self.cache).statistics(self.looked)

    def _asks(self, what: str) -> bool:
        return any(metric.asks == what for metric in chosen_metrics(self.metrics))

    def _made(self, render: Render, scores: list[Tensor]) -> Iterator[Tensor]:
        """Give the samples as uint8; their scores go into ``scores`` if they are asked for."""
        for start in range(0, self.samples, _BATCH):
            count = min(_BATCH, self.samples - start)
            images = render(start, count)
            if tuple(images.shape) != (count, *self.reference.shape):
                raise InputError(
                    f"samples are {list(images.shape)}, not {[count, *self.reference.shape]} as real pictures",
                    fix="pack the pictures at the model's size",
                )
            levels = as_levels(images)
            if self._scorer is not None:
                scores.append(self._scorer(levels.float() / 255))
            yield levels
            self.looked(len(levels))

    @cached_property
    def _scorer(self) -> Scorer | None:
        return self.scorer if self._asks("discriminator") else None

    def _percentiles(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the part of training pictures, in percent, that the discriminator likes less than each sample."""
        return 100 * np.searchsorted(self.opinions, scores) / len(self.opinions)

    @cached_property
    def opinions(self) -> NDArray[np.float32]:
        """The discriminator's scores of the training pictures (of the reference, if those are not known), sorted."""
        if self.scorer is None:
            return np.empty(0, np.float32)
        scores = [self.scorer(levels.float() / 255).cpu() for levels in self.shown.batches()]
        return np.sort(torch.cat(scores).numpy())


def as_levels(images: Tensor) -> Tensor:
    """Return pictures 0..1 as they would be saved: uint8."""
    return (images.detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
