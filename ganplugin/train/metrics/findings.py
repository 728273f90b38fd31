"""What an evaluation found, with the pictures that show it: samples, real ones, and each sample's nearest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganplugin.train.metrics.catalogue import Comparison, Number, chosen_metrics, copies_of, numbers_of
from ganplugin.train.metrics.evaluation import Evaluation, Render, as_levels
from ganplugin.train.metrics.reference import Reference

__all__ = ["Findings", "Pair", "examine"]

Levels = NDArray[np.uint8]

_SHOWN = 64
_PAIRS = 12
_FEW_FOR_FID = 5


@dataclass(frozen=True, eq=False)
class Pair:
    """A sample, its nearest training picture, uint8 [c, h, w], and its index among the samples."""

    sample: Levels
    nearest: Levels
    index: int


@dataclass(frozen=True, eq=False)
class Findings:
    """Numbers by name, those of training pictures in the samples' place (``floor``), notes in words, and pictures.

    ``backbone_key`` is its short name. ``samples`` and ``real`` are uint8 [n, c, h, w]. ``pairs`` are the samples
    that are nearest to a training picture, nearest first. ``percentiles`` [samples] are by the discriminator, or None.
    """

    numbers: Mapping[str, float]
    floor: Mapping[str, float]
    meanings: Mapping[str, Number]
    notes: tuple[str, ...]
    backbone: str
    backbone_key: str
    standard: bool
    sample_count: int
    real_count: int
    unseen: bool
    samples: Levels
    real: Levels
    pairs: tuple[Pair, ...]
    percentiles: NDArray[np.float64] | None


def examine(evaluation: Evaluation, render: Render, notes: tuple[str, ...] = ()) -> Findings:
    """Measure generated pictures once, thoroughly; ``notes`` are put before the evaluation's own."""
    comparison = evaluation.compare(render)
    numbers = evaluation.numbers(comparison)
    return Findings(
        numbers=numbers,
        floor=evaluation.floor(),
        meanings=numbers_of(chosen_metrics(evaluation.metrics)),
        notes=(*notes, *_notes(evaluation, numbers)),
        backbone=evaluation.backbone.name,
        backbone_key=evaluation.backbone.key,
        standard=evaluation.backbone.standard,
        sample_count=evaluation.samples,
        real_count=comparison.real.count,
        unseen=comparison.unseen,
        samples=as_levels(render(0, min(_SHOWN, evaluation.samples))).cpu().numpy(),
        real=next(iter(_real(evaluation).batches())).numpy()[:_SHOWN],
        pairs=_pairs(evaluation, comparison, render) if "copies" in evaluation.metrics else (),
        percentiles=comparison.percentiles,
    )


def _real(evaluation: Evaluation) -> Reference:
    return Reference(evaluation.reference, evaluation.backbone, frozenset(), _SHOWN, None)


def _pairs(evaluation: Evaluation, comparison: Comparison, render: Render) -> tuple[Pair, ...]:
    copies = copies_of(comparison)
    if copies is None:
        return ()
    order = evaluation.shown.order
    pictures = evaluation.reference if evaluation.training is None else evaluation.training
    chosen = np.argsort(copies.found.distance, kind="stable")[:_PAIRS]
    return tuple(
        Pair(
            as_levels(render(int(index), 1)).cpu().numpy()[0],
            pictures.take(order[copies.found.index[[index]]])[0],
            int(index),
        )
        for index in chosen
    )


def _notes(evaluation: Evaluation, numbers: Mapping[str, float]) -> tuple[str, ...]:
    """Return what a reader must know to take the numbers for what they are."""
    notes = []
    backbone = evaluation.backbone
    fewer = min(evaluation.samples, evaluation.real.count)
    if not backbone.standard:
        notes.append(f"{backbone.name} is not the papers' network: compare these numbers with its own alone")
    elif fewer < 10_000:
        notes.append("papers take 50,000 samples: with fewer, FID comes out too high")
    if "fid" in numbers and fewer < _FEW_FOR_FID * backbone.num_features:
        notes.append(
            f"FID needs many more pictures than features ({backbone.num_features}), but there are {fewer}: trust KID"
        )
    if "is" in evaluation.metrics and not backbone.classes:
        notes.append(f"{backbone.name} knows no classes: no Inception Score")
    if "percentile" in evaluation.metrics and evaluation.scorer is None:
        notes.append("there is no discriminator, or it has classes and is not asked: no percentile")
    return tuple(notes)
