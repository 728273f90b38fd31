"""Which class a sample without a wish is of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["drawn_classes"]


def drawn_classes(indices: Iterable[int], classes: int) -> NDArray[np.int64]:
    """Return a class 0.. for the sample of each index, at random but always the same, in the long run each as often.

    By turns they would not do: metrics compare samples with their neighbours, which would never be of one class.
    """
    return np.array([np.random.default_rng(index).integers(classes) for index in indices], np.int64)
