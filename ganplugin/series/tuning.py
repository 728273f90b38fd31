"""How many pieces to render together: found by trying, on the pieces themselves."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

__all__ = ["BatchTuner"]

_TRIES: Final = 2
_WORTH_IT: Final = 1.05
"""A larger batch must be this much faster, picture for picture, to be tried further."""

_MOST_KINDS: Final = 256


class BatchTuner:
    """Tries 1, 2, 4 … pieces at a time, twice each, and settles when more is no faster; any size gives the same bytes.

    Each kind of work, named by ``key``, is measured for itself; of very many kinds the first are forgotten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._best: dict[Hashable, tuple[int, float]] = {}
        self._trying: dict[Hashable, tuple[int, list[float]]] = {}

    def size(self, key: Hashable) -> int:
        """Return how many pieces to render next."""
        size, _ = self._trying.get(key) or self._best.get(key) or (1, [])
        return size

    def note(self, key: Hashable, size: int, seconds: float) -> None:
        """Learn how long a batch took. The very first one is not counted: it opened the model."""
        if key not in self._best:
            if len(self._best) >= _MOST_KINDS:  # where every piece is of its own kind, there is nothing to learn
                first = next(iter(self._best))
                del self._best[first]
                self._trying.pop(first, None)
            self._best[key] = (1, float("inf"))
            self._trying[key] = (1, [])
            return
        if key not in self._trying or size != self._trying[key][0]:
            return
        tries = [*self._trying[key][1], seconds / size]
        self._trying[key] = (size, tries)
        if len(tries) >= _TRIES:
            self._judge(key, size, min(tries))

    def _judge(self, key: Hashable, size: int, seconds: float) -> None:
        _, best = self._best[key]
        better = seconds * _WORTH_IT < best
        if better or seconds < best:
            self._best[key] = (size, seconds)
        if better and size * 2 <= self._most:
            self._trying[key] = (size * 2, [])
        else:
            del self._trying[key]
