"""Pictures that are kept from the networks, so that numbers tell how good they are and not what they remember."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ganplugin.errors import TrainingError
from ganplugin.train.metrics.evaluation import FEWEST
from ganplugin.train.pictures.packed import PackedSet

__all__ = ["PART", "SEED", "HeldOut", "hold_out"]

PART: Final = 0.1
"""The part of the pictures that is held out if nothing is said."""

SEED: Final = 0
"""Decides which pictures are held out: the same in runs of different seeds, so that their numbers compare."""

_MOST: Final = 0.3
_MORE: Final = 1.1


@dataclass(frozen=True, eq=False)
class HeldOut:
    """All pictures, those to train on, and those kept from it: None if ``part`` is 0. ``words`` say why, or how many.

    ``pieces`` tells that they are cut out of larger pictures, whose other pieces are on the other side.

    `PackedSet.split` makes the same sides again of the same pictures, ``part`` and ``seed``.
    """

    whole: PackedSet
    training: PackedSet
    unseen: PackedSet | None
    part: float
    seed: int
    words: str
    pieces: bool = False

    @property
    def provenance(self) -> dict[str, str | int | float]:
        """What a model says of it, so that ``ganplugin evaluate`` knows which pictures it never saw."""
        of = "pieces" if self.pieces else "pictures"
        return {
            "held_out": self.part,
            "held_out_seed": self.seed,
            "held_out_of": of,
            "data_sha256": self.whole.digest,
        }


def hold_out(pictures: PackedSet, part: float, seed: int = SEED, *, pieces: bool = False) -> HeldOut:
    """Hold out about ``part`` (0..1) of the pictures, of few pictures more, so that at least 16 are.

    Where that would be more than 3 of 10, or where all pictures are alike, none is held out. ``pieces`` tells that they
    were cut out of larger pictures; a packed set knows it by itself.
    """
    policy = pictures.record.policy if pictures.record else None
    pieces = pieces or (policy is not None and policy.way == "patches")
    if not part:
        return _none(pictures, seed, "no pictures are held out: there will be no metrics")
    tried = part
    while tried <= max(part, _MOST):
        try:
            training, unseen = pictures.split(tried, seed)
        except TrainingError:
            return _none(pictures, seed, "all pictures are alike: none is held out, there will be no metrics")
        if len(unseen) >= FEWEST:
            return HeldOut(pictures, training, unseen, tried, seed, _told(pictures, unseen, pieces=pieces), pieces)
        tried = round(tried * _MORE, 4)
    few = f"{len(pictures)} pictures are too few to hold {FEWEST} out: there will be no metrics"
    return _none(pictures, seed, few)


def _none(pictures: PackedSet, seed: int, words: str) -> HeldOut:
    return HeldOut(pictures, pictures, None, 0.0, seed, words)


def _told(pictures: PackedSet, unseen: PackedSet, *, pieces: bool) -> str:
    doubt = "; they are pieces of pictures whose other pieces are trained on" if pieces else ""
    return f"{len(unseen)} of {len(pictures)} pictures are held out for metrics{doubt}"
