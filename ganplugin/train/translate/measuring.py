"""How near translations of held-out photos come to held-out pictures of the second collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch

from ganplugin.train.loop import Measure
from ganplugin.train.metrics.evaluation import FEWEST, Evaluation
from ganplugin.train.translate.distances import apart
from ganplugin.train.translate.sides import floats, middles
from ganplugin.train.translate.trainer import TranslateTrainer
from ganplugin.train.watch.looking import eye_for

__all__ = ["measure_of"]

_MOST: Final = 128
_BATCH: Final = 8
_METRICS: Final = ("kid", "spectrum")

Report = Callable[[str], None]


def measure_of(trainer: TranslateTrainer, report: Report) -> Measure | None:
    """Return what measures a training, or None, which is reported, if too few pictures are held out.

    KID comes first, by which the best checkpoint is chosen; then the spectrum, which sees checkerboards and blur. Of
    pairs L1 to the truth is told too.
    """
    sides, frame = trainer.duel.sides, trainer.duel.frame
    photos, styles = middles(sides.unseen_photos, frame, _MOST), middles(sides.unseen_styles, frame, _MOST)
    if min(len(photos), len(styles)) < FEWEST:
        held = f"{len(photos)} and {len(styles)} pictures are held out, {FEWEST} of either are needed"
        report(f"not measured: {held}")
        return None
    eye = eye_for(None, trainer.duel.device, report)
    report(f"measured by KID ({eye.name}) of {len(photos)} held-out photos against {len(styles)} held-out pictures")
    evaluation = Evaluation(styles, eye, metrics=_METRICS, samples=len(photos))
    stack, truth = floats(photos), floats(styles)

    def measured() -> Mapping[str, float | str]:
        made = torch.cat([trainer.translate(some).cpu() for some in torch.split(stack, _BATCH)])
        numbers = evaluation.measure(lambda start, count: made[start : start + count])
        told = {"l1": float(apart(made, truth))} if sides.paired else {}
        return {**numbers, **told, "backbone": eye.name}

    return measured
