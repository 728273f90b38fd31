"""How alike two pictures look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ganplugin.levels import from_uint8, to_uint8
from ganplugin.sizing import resize, with_channels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["chosen", "look_of"]

_SIDE: Final = 12


def look_of(levels: NDArray[np.uint8]) -> bytes:
    """Return what a picture, uint8 [h, w, c], looks like from afar: its colours on a grid of 12 x 12, 432 bytes."""
    small = resize(with_channels(from_uint8(levels), "RGB"), _SIDE, _SIDE)
    return to_uint8(small).tobytes()


def chosen(scores: NDArray[np.float64], looks: NDArray[np.uint8], count: int, apart: float) -> list[int]:
    """Return which of the candidates [n] to keep: from the best score down, unless one looks like a kept one.

    The distance of two looks [n, 432] is their mean difference, 0..1. Of equal scores the first comes first. There may
    be fewer than ``count``.
    """
    kept: list[int] = []
    near = np.zeros(len(scores), bool)
    for candidate in np.lexsort((np.arange(len(scores)), -scores)).tolist():
        if len(kept) == count:
            break
        if near[candidate]:
            continue
        kept.append(candidate)
        if apart > 0:
            near |= _distances(looks, candidate) < apart
    return kept


def _distances(looks: NDArray[np.uint8], candidate: int) -> NDArray[np.float64]:
    # In pieces, so that a million candidates need no second copy of all looks.
    own = looks[candidate].astype(np.int16)
    parts = [np.abs(part - own).mean(axis=1) for part in np.array_split(looks, max(1, len(looks) // 4096))]
    return np.asarray(np.concatenate(parts) / 255, np.float64)
