"""Overfitting of the scorer: it knows its training pictures by heart and takes others for made ones."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ganplugin.train.recipes.recipe import Recipe
from ganplugin.train.watch.opinions import Opinions
from ganplugin.train.watch.verdict import Verdict, graded

__all__ = ["NAME", "overfitting", "remedy"]

NAME: Final = "overfitting"

_GAP: Final = (0.25, 0.5)
_CERTAIN: Final = 3.0
_APART: Final = 0.5


def overfitting(opinions: Opinions | None, fix: str) -> Verdict:
    """Say how far below training pictures the scorer puts unseen ones, on the way down to made ones.

    r = (E[D(training)] - E[D(unseen)]) / (E[D(training)] - E[D(made)]) is 0 without and 1 with complete overfitting
    (Karras et al. 2020, ADA, equation 1): watch from 0.25, bad from 0.5, where the gap is three times its standard
    error. Where the scorer hardly tells training pictures from made ones it cannot have learnt them by heart. ``fix``
    says what helps; see `remedy`.
    """
    if opinions is None:
        return Verdict(NAME, "unknown", "no pictures are held out")
    training, unseen, made = opinions.training, opinions.unseen, opinions.made
    gap, span = training.mean() - unseen.mean(), training.mean() - made.mean()
    spread = math.sqrt((training.var() + made.var()) / 2)
    if span <= _APART * spread:
        return graded(NAME, 0, "the scorer hardly tells training pictures from made ones", "")
    error = math.sqrt(training.var() / len(training) + unseen.var() / len(unseen))
    ratio = float(gap / span)
    certain = gap > _CERTAIN * error
    severity = sum(ratio >= limit for limit in _GAP) if certain else 0
    signs = float(np.sign(training).mean() - np.sign(unseen).mean())
    words = (
        f"unseen pictures score {100 * max(0.0, ratio):.0f} % of the way from training pictures down to made ones "
        f"(difference of signs {signs:.2f})"
    )
    return graded(NAME, severity, words, fix)


def remedy(recipe: Recipe) -> str:
    """Return what helps against overfitting in the training of a generator, beside what its recipe does already."""
    changed = recipe.steered or bool(recipe.changes)
    more = "--augment ada" if not recipe.steered else "a stronger --penalty r1=10"
    if not changed:
        more = "--augment translation,cutout,colour or --augment ada"
    return f"{more}; more pictures, or a smaller --width; best.safetensors holds the best so far"
