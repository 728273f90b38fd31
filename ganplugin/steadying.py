"""Painted frames held steady where the film itself stands still, without optical flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.sizing import resize

__all__ = ["TAKE", "WARM_UP", "Steadied", "steadied"]

Pixels = NDArray[np.float32]

TAKE: Final = 120
"""After so many frames blending begins anew, so that any frame can be made without all that came before it."""

WARM_UP: Final = 24
"""Each beginning looks back so many frames: less than a fiftieth of the first is left when it is shown."""

_MOST: Final = 0.85
_SIDE: Final = 360
_STILL: Final = 2.0 / 255
_MOVING: Final = 6.0 / 255


@dataclass(frozen=True, eq=False)
class Steadied:
    """A steadied painting, float32 [h, w, c], and the film frame blended alike, which tells what really moved."""

    painted: Pixels
    source: Pixels


def steadied(before: Steadied | None, painted: Pixels, source: Pixels, amount: float) -> Steadied:
    """Blend a painted frame with the one before where the film hardly differs; ``before`` is None after a cut.

    ``amount`` 0..1: at 1, what stands still is 85 parts of what was there and 15 of the new. Below 2 levels of
    difference of the slightly blurred film a place stands still, above 6 it moves and is not blended at all. The film
    is compared with its own blend, so that a slow change is never held back by more than those levels.
    """
    small = _blurred(source[..., :3])
    if before is None or before.painted.shape != painted.shape or before.source.shape != small.shape:
        return Steadied(painted, small)
    moved = _spread(np.abs(small - before.source).mean(axis=2, keepdims=True))
    stays = np.clip((_MOVING - moved) / (_MOVING - _STILL), 0, 1) * np.float32(_MOST * amount)
    shown = _at(stays, painted)
    return Steadied(painted + shown * (before.painted - painted), small + stays * (before.source - small))


def _blurred(source: Pixels) -> Pixels:
    """Return a copy of at most some 700 pixels a side, blurred a little: what is left of camera noise is small."""
    step = max(1, round(min(source.shape[:2]) / _SIDE))
    height, width = (max(1, side // step) for side in source.shape[:2])
    blocks = source[: height * step, : width * step].reshape(height, step, width, step, -1)
    return _box(_box(blocks.mean(axis=(1, 3), dtype=np.float32), 1), 1)


def _spread(moved: Pixels) -> Pixels:
    """Return differences without their noise, and widened: a brush stroke reaches further than what moved under it."""
    return _box(_widest(_box(moved, 2), 3), 2)


def _box(pixels: Pixels, radius: int) -> Pixels:
    """Return the mean over a square around each pixel."""
    for axis in (0, 1):
        pixels = np.asarray(sum(_shifted(pixels, radius, axis)) / np.float32(2 * radius + 1))
    return pixels


def _widest(pixels: Pixels, radius: int) -> Pixels:
    """Return the largest value in a square around each pixel."""
    for axis in (0, 1):
        pixels = np.asarray(np.maximum.reduce(_shifted(pixels, radius, axis)))
    return pixels


def _shifted(pixels: Pixels, radius: int, axis: int) -> list[Pixels]:
    margins = [(radius, radius) if number == axis else (0, 0) for number in range(3)]
    padded = np.pad(pixels, margins, mode="edge")
    length = pixels.shape[axis]
    return [padded[(slice(None),) * axis + (slice(start, start + length),)] for start in range(2 * radius + 1)]


def _at(stays: Pixels, painted: Pixels) -> Pixels:
    return resize(stays, painted.shape[1], painted.shape[0])
