"""Described tensors become torch tensors over the mapped file: shapes at once, numbers when somebody looks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganplugin.export.records import Storage, StoredTensor

__all__ = ["TensorMaker"]


class TensorMaker:
    """Makes tensors of one file; tensors that share data in the file share memory."""

    def __init__(self) -> None:
        self._memory: dict[Storage, Tensor] = {}

    def tensor(self, stored: StoredTensor) -> Tensor:
        """Return the tensor that ``stored`` describes. Raises `CheckpointError` if its data are not there."""
        if math.prod(stored.shape) == 0:
            return torch.empty(stored.shape, dtype=_dtype(stored.storage))
        return self._flat(stored.storage).as_strided(stored.shape, stored.strides, stored.offset)

    def _flat(self, storage: Storage) -> Tensor:
        if storage not in self._memory:
            buffer = storage.source()
            self._memory[storage] = torch.frombuffer(buffer, dtype=_dtype(storage), count=storage.count)
        return self._memory[storage]


def _dtype(storage: Storage) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, storage.dtype)
    return dtype
