"""How many rows to run at once, and what to do when they do not fit into memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import ModelError

__all__ = ["BatchSizes", "OutOfMemory", "filling", "fits_whole", "is_out_of_memory", "suggested_size"]

_PHRASES: Final = (
    "failed to allocate memory",
    "out of memory",
    "out_of_memory",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
    "not enough memory",
    "e_outofmemory",
    "8007000e",
    "available memory of",
)

# Measured on feed-forward networks of 1080p and 4K: 830 to 860 bytes of peak memory a pixel.
_BYTES_PER_PIXEL: Final = 1024
_BUDGETS: Final = {"cpu": (512 * 2**20, 32)}
_GPU_BUDGET: Final = (4 * 2**30, 64)
_WHOLE_BUDGETS: Final = {"cpu": 1536 * 2**20}


class OutOfMemory(ModelError):  # noqa: N818 - named as `Cancelled` is: what happened
    """One run did not fit into the device's memory; a smaller one may."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception of onnxruntime or numpy means that memory ran out."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in text for phrase in _PHRASES)


def suggested_size(pixels: int, device_kind: str) -> int:
    """Return how many pictures of so many pixels to compute at once.

    A budget of 512 MiB on the CPU (at most 32 rows: more is no faster) and 4 GiB on a GPU (at most 64), at 1 KiB of
    working memory a pixel. Always at least 1.
    """
    budget, most = _BUDGETS.get(device_kind, _GPU_BUDGET)
    return max(1, min(most, budget // (_BYTES_PER_PIXEL * max(1, pixels))))


def fits_whole(pixels: int, device_kind: str) -> bool:
    """Tell whether a style network may paint a picture of so many pixels at once.

    Up to 1.5 million on the CPU and 4 million on a GPU: estimates of 1.5 and 4 GiB. The same everywhere, whatever a
    machine has, so that a picture's last bits do not depend on that.
    """
    return pixels * _BYTES_PER_PIXEL <= _WHOLE_BUDGETS.get(device_kind, _GPU_BUDGET[0])


def filling(target: NDArray[np.float32]) -> Callable[[int, int, NDArray[np.float32]], None]:
    """Return what puts found rows ``start`` to ``stop`` into their place in ``target``."""

    def fill(start: int, stop: int, found: NDArray[np.float32]) -> None:
        target[start:stop] = found

    return fill


class BatchSizes:
    """What was learned of a model's memory: the most rows that a kind of work may take. Safe to share by threads."""

    def __init__(self) -> None:
        self._most: dict[Hashable, int] = {}
        self._lock = threading.Lock()

    def allowed(self, work: Hashable, wanted: int) -> int:
        """Return ``wanted``, or the smaller size that ran before. ``work`` tells apart row shapes and outputs."""
        return min(wanted, self._most.get(work, wanted))

    def run(self, work: Hashable, rows: int, wanted: int, batch: Callable[[int, int], None]) -> None:
        """Call ``batch(start, stop)`` over all rows in order, halving the size whenever it raises `OutOfMemory`.

        No size that failed is tried again. Raises `OutOfMemory` if a single row does not fit; other errors pass.
        """
        start = 0
        while start < rows:
            stop = min(rows, start + max(1, self.allowed(work, wanted)))
            try:
                batch(start, stop)
            except OutOfMemory:
                if stop - start == 1:
                    raise
                self._shrink(work, (stop - start) // 2)
                continue
            start = stop

    def _shrink(self, work: Hashable, size: int) -> None:
        with self._lock:
            self._most[work] = min(size, self._most.get(work, size))
