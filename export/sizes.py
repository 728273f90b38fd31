"""Which picture sizes a network of free size really takes, and how much larger it returns them, found by trying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["SizeRule", "enlargement", "size_rule"]

_SCALES: Final = (1, 2, 3, 4, 8)
_MULTIPLES: Final = (1, 2, 4, 8, 16, 32, 64)
_SIDES: Final = (65, 257)
"""Sides to try from; some networks need 256 pixels and more."""

_SMALLEST: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)

Scale = Callable[[int, int], "int | None"]


@dataclass(frozen=True)
class SizeRule:
    """Sides must be multiples of ``multiple`` and at least ``minimum``; they come back ``scale`` times as long."""

    multiple: int = 1
    minimum: int = 1
    scale: int = 1


def enlargement(given: tuple[int, int], returned: tuple[int, int]) -> int | None:
    """Return by which of the usual factors (1, 2, 3, 4 or 8) both sides grew; None for anything else."""
    return next((s for s in _SCALES if returned == (given[0] * s, given[1] * s)), None)


def size_rule(scale_at: Scale) -> SizeRule | None:
    """Return the rule under which pictures of every size come back larger by one factor.

    ``scale_at(height, width)`` is the factor at one size, or None if there is none. None if there is no such rule.
    """
    for start in _SIDES:
        for multiple in _MULTIPLES:
            side = _odd_multiple(start, multiple)
            scale = scale_at(side, side + 2 * multiple)
            if scale is not None and scale == scale_at(side + 2 * multiple, side):
                return SizeRule(multiple, _minimum(scale_at, scale, multiple, side), scale)
    return None


def _odd_multiple(start: int, multiple: int) -> int:
    """The first side from ``start`` on that is no multiple of anything larger."""
    times = -(-start // multiple)
    return (times | 1) * multiple


def _minimum(scale_at: Scale, scale: int, multiple: int, known: int) -> int:
    tried = (side for side in _SMALLEST if side % multiple == 0 and side < known)
    return next((side for side in tried if scale_at(side, side) == scale), known)
