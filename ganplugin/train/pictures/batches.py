"""Batches for a training loop, fetched by one thread ahead of the step that needs them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.sampling import Sampler

__all__ = ["Batch", "Batches", "load"]

_AHEAD = 2
_WAIT_SECONDS = 0.1


def load(pictures: PackedSet, indices: NDArray[np.int64]) -> Tensor:
    """Return the pictures at ``indices`` as a uint8 tensor [b, c, h, w] of its own memory."""
    return torch.from_numpy(pictures.take(indices))


@dataclass(frozen=True, eq=False)
class Batch:
    """``pictures`` uint8 [b, c, h, w], their ``labels`` int64 [b] or None, and their ``indices`` int64 [b]."""

    pictures: Tensor
    labels: Tensor | None
    indices: NDArray[np.int64]


class Batches:
    """The batches of a sampler, in order, some of them fetched ahead; close it, or use it as a context.

    `state` is that of the batches handed out, not of those fetched, so that a run taken up again misses nothing.
    """

    def __init__(self, pictures: PackedSet, sampler: Sampler, *, ahead: int = _AHEAD) -> None:
        self._pictures, self._sampler = pictures, sampler
        self._state: Mapping[str, int] = sampler.state()
        self._ready: queue.Queue[tuple[Batch, Mapping[str, int]] | BaseException] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fetch, name="batches", daemon=True)
        self._thread.start()

    def _fetch(self) -> None:
        try:
            for indices in self._sampler:
                if not self._hand_over((self._batch(indices), self._sampler.state())):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the batch is asked for
            self._hand_over(error)

    def _batch(self, indices: NDArray[np.int64]) -> Batch:
        labels = self._pictures.labels
        chosen = None if labels is None else torch.from_numpy(labels[indices])
        return Batch(load(self._pictures, indices), chosen, indices)

    def _hand_over(self, item: tuple[Batch, Mapping[str, int]] | BaseException) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=_WAIT_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._stop.is_set():
            raise StopIteration
        item = self._ready.get()
        if isinstance(item, BaseException):
            self.close()
            raise item
        batch, self._state = item
        return batch

    def state(self) -> dict[str, int]:
        """Return the sampler's state after the last batch that was handed out, as plain JSON."""
        return dict(self._state)

    def close(self) -> None:
        """End the thread; batches fetched but not handed out are forgotten."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
