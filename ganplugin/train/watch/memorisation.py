"""Memorisation: samples are copies of training pictures."""

from __future__ import annotations

from typing import Final

import numpy as np

from ganplugin.train.metrics.neighbours import Copies
from ganplugin.train.watch.verdict import Verdict, graded

__all__ = ["NAME", "memorisation"]

NAME: Final = "memorisation"

_SHARE: Final = (0.05, 0.2)
_RATIO: Final = (0.85, 0.7)
_ENOUGH: Final = 10
_FIX: Final = (
    "look at copies.png; more pictures, a smaller --width, --augment ada, or fewer --kimg: "
    "best.safetensors holds the best so far"
)


def memorisation(copies: Copies | None, looked_at: int, there: int) -> Verdict:
    """Say how near samples come to training pictures, ``looked_at`` of those that are ``there``.

    A copy is nearer to one than 99 % of unseen pictures are (of one another, where none is held out): watch from 5 %
    of the samples, bad from 20 %, beyond those that come as near to unseen pictures. So is a ratio below 0.85 or 0.7:
    the usual distance to training pictures over that to equally many unseen ones, which is 1 for samples that remember
    nothing. It is chance for samples far from both, or all near a few of them.
    """
    if copies is None:
        return Verdict(NAME, "unknown", "samples were not looked at")
    severity = sum(copies.share - copies.by_chance >= limit for limit in _SHARE)
    chance = f" ({100 * copies.by_chance:.0f} % by chance)" if copies.by_chance >= 0.005 else ""
    counted = _counted(looked_at, there)
    words = f"{100 * copies.share:.0f} % of samples nearly equal one of {counted} training pictures{chance}"
    if copies.ratio is not None:
        if copies.nearness < 1 and _many(copies, looked_at):
            severity = max(severity, sum(copies.ratio < limit for limit in _RATIO))
        words += f"; these are {copies.ratio:.2f} times as far as unseen ones"
    return graded(NAME, severity, words, _FIX)


def _many(copies: Copies, looked_at: int) -> bool:
    return len(np.unique(copies.found.index)) >= min(_ENOUGH, looked_at / 2)


def _counted(looked_at: int, there: int) -> str:
    return f"{there:,}" if looked_at >= there else f"{looked_at:,} of {there:,}"
