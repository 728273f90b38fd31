"""What chance decides, as a function of the series' seed, the trait and the piece: nothing else moves it.

A draw is a SHA-256, so that piece 73 is the same on every machine, in every version, in an edition of 100 or of 10,000,
and whatever other traits are added or taken away.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

__all__ = ["Permutation", "share", "weighted"]

_BITS: Final = 53
"""As many as a float holds exactly."""

_ROUNDS: Final = 6


def share(seed: int, name: str, piece: int) -> float:
    """Return the draw of one trait for one piece, even over 0 <= draw < 1."""
    return (_hash(f"{seed}/{name}/{piece}") >> (256 - _BITS)) / (1 << _BITS)


def weighted(draw: float, weights: Sequence[float]) -> int:
    """Return which of the weights, none negative and some above 0, a draw in 0..1 falls on."""
    ends = list(accumulate(weights))
    chosen = bisect_right(ends, draw * ends[-1])
    # Rounding may put the draw on the very end: then it is the last that has any weight.
    return min(chosen, max(number for number, weight in enumerate(weights) if weight > 0))


class Permutation:
    """A secret order of the numbers 0 .. count-1 in which none comes twice; each place is found alone.

    A Feistel network over the next power of four, walked until it lands inside (Black and Rogaway, "Ciphers with
    Arbitrary Finite Domains", 2002).
    """

    def __init__(self, seed: int, name: str, count: int) -> None:
        self._count = count
        self._half_bits = max(1, ((count - 1).bit_length() + 1) // 2)
        self._key = f"{seed}/{name}"

    def __getitem__(self, place: int) -> int:
        number = place
        while True:
            number = self._mixed(number)
            if number < self._count:
                return number

    def _mixed(self, number: int) -> int:
        mask = (1 << self._half_bits) - 1
        left, right = number >> self._half_bits, number & mask
        for turn in range(_ROUNDS):
            left, right = right, left ^ (_hash(f"{self._key}/{turn}/{right}") & mask)
        return left << self._half_bits | right


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
