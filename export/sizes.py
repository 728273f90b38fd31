"""Which picture sizes a network of free size really takes, found by trying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["SizeRule", "size_rule"]

_MULTIPLES: Final = (1, 2, 4, 8, 16, 32, 64)
_SIDES: Final = (65, 257)
"""Sides to try from; some networks need 256 pixels and more."""

_SMALLEST: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class SizeRule:
    """Sides must be multiples of ``multiple``, and at least ``minimum``."""

    multiple: int = 1
    minimum: int = 1


def size_rule(keeps: Callable[[int, int], bool]) -> SizeRule | None:
    """Return the rule under which ``keeps(height, width)``, the network returns pictures of the same size, holds.

    None if there is none.
    """
    for start in _SIDES:
        for multiple in _MULTIPLES:
            side = _odd_multiple(start, multiple)
            if keeps(side, side + 2 * multiple) and keeps(side + 2 * multiple, side):
                return SizeRule(multiple, _minimum(keeps, multiple, side))
    return None


def _odd_multiple(start: int, multiple: int) -> int:
    """The first side from ``start`` on that is no multiple of anything larger."""
    times = -(-start // multiple)
    return (times | 1) * multiple


def _minimum(keeps: Callable[[int, int], bool], multiple: int, known: int) -> int:
    tried = (side for side in _SMALLEST if side % multiple == 0 and side < known)
    return next((side for side in tried if keeps(side, side)), known)
