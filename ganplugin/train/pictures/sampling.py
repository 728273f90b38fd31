"""Which pictures come next: every one once an epoch, in an order that can be taken up again exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import InputError, TrainingError

__all__ = ["Sampler"]

Indices = NDArray[np.int64]


class Sampler:
    """Gives ``batch`` indices of ``count`` pictures at a time, without end; in each epoch every picture comes once.

    An epoch's order depends on ``seed`` and the epoch's number alone, so that the state is two numbers. A batch may
    reach from one epoch into the next: none is shorter than the others. For several processes give each the same
    sampler and let it take its share of every batch.
    """

    def __init__(self, count: int, batch: int, seed: int = 0) -> None:
        if count < 1 or batch < 1:
            raise InputError(f"cannot draw batches of {batch} from {count} pictures")
        self.count, self.batch, self.seed = count, batch, seed
        self.epoch, self.position = 0, 0
        self._order = self._shuffled()

    def _shuffled(self) -> Indices:
        return np.random.default_rng([self.seed, self.epoch]).permutation(self.count)

    def __iter__(self) -> Iterator[Indices]:
        return self

    def __next__(self) -> Indices:
        parts, missing = [], self.batch
        while missing:
            part = self._order[self.position : self.position + missing]
            parts.append(part)
            missing -= len(part)
            self.position += len(part)
            if self.position == self.count:
                self.epoch, self.position = self.epoch + 1, 0
                self._order = self._shuffled()
        return np.concatenate(parts)

    def state(self) -> dict[str, int]:
        """Return where it stands, as plain JSON."""
        return {"count": self.count, "seed": self.seed, "epoch": self.epoch, "position": self.position}

    def restore(self, state: Mapping[str, int]) -> None:
        """Go on from a state. Raises `TrainingError` if it is of other pictures, or no state."""
        try:
            count, seed, epoch, position = (int(state[key]) for key in ("count", "seed", "epoch", "position"))
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError("the run does not say where among the pictures it stood") from error
        if count != self.count or not 0 <= position < count or epoch < 0:
            raise TrainingError(
                f"the run was trained on {count} pictures, here are {self.count}",
                fix="give the same pictures as before",
            )
        self.seed, self.epoch, self.position = seed, epoch, position
        self._order = self._shuffled()
