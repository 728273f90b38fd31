"""Mode collapse: the generator makes a few pictures over and over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ganplugin.train.metrics.neighbours import Features, alike
from ganplugin.train.watch.verdict import Verdict, graded

__all__ = ["NAME", "Crowd", "collapse", "crowd_of"]

NAME: Final = "collapse"

_DIVERSITY: Final = (0.6, 0.4)
_DOUBLES: Final = ((0.15, 2), (0.4, 5))
_FIX: Final = (
    "go on from an earlier checkpoint with a lower --learning-rate or --penalty r1=1; "
    "or start anew with --loss relativistic or hinge and --augment translation,cutout"
)


@dataclass(frozen=True)
class Crowd:
    """Of ``count`` samples: the part that has a near double among the others, and how many pictures there may be.

    ``support`` is infinite where there are no doubles. ``diversity`` is the distance of two samples over that of two
    real pictures.
    """

    count: int
    doubles: float
    support: float
    diversity: float


def crowd_of(made: tuple[Features, Features], real: tuple[Features, Features], diversity: float) -> Crowd:
    """Count doubles among samples: pairs that nearly equal one another both to the backbone and in their pixels.

    ``made`` and ``real`` are features [n, f] and thumbnails [n, p]. Noise is all one to a backbone, as is a blur, and
    two drawings of the same kind may be: but not in their pixels. Of n samples with p such pairs about n² / (2 p)
    different pictures can be had (the birthday paradox; Arora and Zhang 2018, "Do GANs learn the distribution?").
    """
    same = alike(made[0], real[0]) & alike(made[1], real[1])
    pairs = int(same.sum()) / 2
    count = len(same)
    return Crowd(count, float(same.any(1).mean()), count**2 / (2 * pairs) if pairs else math.inf, diversity)


def collapse(crowd: Crowd | None, *, early: bool) -> Verdict:
    """Say how far samples are apart: watch from a diversity of 0.6 down, bad from 0.4.

    So it is where 15 % of n samples have doubles, so many that there are fewer than n / 2 different pictures, or where
    40 % have and there are fewer than n / 5. Of few kinds of simple pictures there are some doubles always. A young
    generator makes the same blur of everything, which is no collapse yet: ``early`` leaves it open.
    """
    if crowd is None:
        return Verdict(NAME, "unknown", "samples were not looked at")
    alike = sum(crowd.doubles >= share and crowd.support * parts < crowd.count for share, parts in _DOUBLES)
    severity = max(sum(crowd.diversity < limit for limit in _DIVERSITY), alike)
    words = _words(crowd)
    if early and severity:
        return Verdict(NAME, "unknown", f"too early to tell: {words}")
    return graded(NAME, severity, words, _FIX)


def _words(crowd: Crowd) -> str:
    support = f" (about {crowd.support:,.0f} different pictures)" if math.isfinite(crowd.support) else ""
    return (
        f"{100 * crowd.doubles:.0f} % of {crowd.count} samples have a near double{support}; "
        f"two samples are {crowd.diversity:.2f} times as far apart as two real pictures"
    )
