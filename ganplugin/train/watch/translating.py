"""Two ways in which a translation fails: every photo becomes the same picture, or stays what it was."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.train.pictures.likeness import thumbnails
from ganplugin.train.watch.verdict import Verdict, graded

__all__ = ["SAME", "UNCHANGED", "sameness", "unchanged"]

SAME: Final = "sameness"
UNCHANGED: Final = "unchanged"

Levels = NDArray[np.uint8]

_DIVERSITY: Final = (0.3, 0.15)
_MOVED: Final = 0.015
_FIX_SAME: Final = "a higher --content-weight or a lower --learning-rate; begin anew or --from an earlier checkpoint"
_FIX_UNCHANGED: Final = "a lower --content-weight, and time: look at the sheets"


def sameness(made: Levels, photos: Levels, styles: Levels, *, early: bool) -> Verdict:
    """Say how different translations are from each other: pictures uint8 [n, 3, h, w], n from 2.

    Their mean distance as thumbnails over that of the photos or of the second collection, whichever is less: a
    painter's pictures may all be blue. Watch below 0.3, bad below 0.15. A young generator makes grey of everything,
    which ``early`` leaves open.
    """
    ratio = _diversity(made) / max(min(_diversity(photos), _diversity(styles)), 1e-6)
    words = f"translations are {ratio:.2f} times as far apart as photos, or pictures of the second collection, are"
    severity = sum(ratio < limit for limit in _DIVERSITY)
    if early and severity:
        return Verdict(SAME, "unknown", f"too early to tell: {words}")
    return graded(SAME, severity, words, _FIX_SAME)


def unchanged(made: Levels, photos: Levels) -> Verdict:
    """Say how far translations uint8 [n, 3, h, w] are from their photos: watch where it is less than 4 levels of 255.

    It is never bad: two collections may hardly differ.
    """
    moved = float(np.abs(made.astype(np.float32) - photos.astype(np.float32)).mean()) / 255
    words = f"a translation differs from its photo by {255 * moved:.1f} of 255 levels"
    return graded(UNCHANGED, int(moved < _MOVED), words, _FIX_UNCHANGED)


def _diversity(pictures: Levels) -> float:
    """Return the mean distance of two different pictures' thumbnails."""
    flat = thumbnails(pictures).reshape(len(pictures), -1).astype(np.float64)
    squares = (flat**2).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * flat @ flat.T, 0))
    return float(distances.sum() / (len(flat) * (len(flat) - 1)))
