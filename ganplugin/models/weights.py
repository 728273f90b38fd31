"""Tensors of a checkpoint, taken one by one by the network built from them, with nothing missed or left over."""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.models.network import StateDict

__all__ = ["Weights"]


class Weights:
    """A state dict, or the part of it under a prefix, that remembers which tensors were taken.

    Networks that only render can be made of prepared constants (gains multiplied in, kernels flipped), so that the
    exported graph computes nothing twice. `finish` then is what a strict load is elsewhere.
    """

    def __init__(self, state: StateDict, prefix: str = "", taken: set[str] | None = None) -> None:
        self._state = state
        self._prefix = prefix
        self._taken: set[str] = set() if taken is None else taken

    def under(self, name: str) -> Weights:
        """Return the tensors under ``name.``; what is taken there is taken here."""
        return Weights(self._state, f"{self._prefix}{name}.", self._taken)

    def has(self, key: str) -> bool:
        """Return whether there is such a tensor."""
        return self._prefix + key in self._state

    def take(self, key: str, *shape: int | None) -> Tensor:
        """Return a tensor as float32, marked as taken. ``None`` stands for any length of an axis.

        Raises `CheckpointError` if it is not there or not of the shape.
        """
        tensor = self.take_any(key)
        fits = len(shape) == tensor.ndim and all(a in (b, None) for a, b in zip(shape, tensor.shape, strict=True))
        if not fits:
            wanted = ", ".join("any" if axis is None else str(axis) for axis in shape)
            raise CheckpointError(f"holds {self._prefix}{key} of shape {tuple(tensor.shape)} instead of ({wanted})")
        return tensor

    def take_any(self, key: str) -> Tensor:
        """Return a tensor of whatever shape as float32, marked as taken. Raises `CheckpointError` if it is missing."""
        name = self._prefix + key
        if name not in self._state:
            raise CheckpointError(f"lacks its tensor {name}")
        self._taken.add(name)
        return self._state[name].detach().to(device="cpu", dtype=torch.float32)

    def finish(self, ignored: Iterable[str] = ()) -> None:
        """Promise that every tensor was taken, but for those whose whole name matches a pattern of ``ignored``.

        Raises `CheckpointError` that names the first one left.
        """
        patterns = [re.compile(pattern) for pattern in ignored]
        for name in self._state:
            if name not in self._taken and not any(pattern.fullmatch(name) for pattern in patterns):
                raise CheckpointError(f"holds a tensor that its family does not have: {name}")
