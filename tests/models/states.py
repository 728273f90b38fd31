"""Tiny state dicts in the key layouts of real files, with weights that are not trivial."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


class Draw:
    """Random tensors of a seed, so that a state dict is the same in every test."""

    def __init__(self, seed: int) -> None:
        self._random = torch.Generator().manual_seed(seed)

    def weight(self, *shape: int) -> Tensor:
        """Weights that keep the scale of what they are applied to."""
        fan_in = max(1, torch.Size(shape[1:]).numel())
        return torch.randn(*shape, generator=self._random) * (1.5 / fan_in**0.5)

    def normal(self, *shape: int, scale: float = 0.3) -> Tensor:
        return torch.randn(*shape, generator=self._random) * scale

    def norm(self, name: str, width: int, variance: float = 1.0) -> State:
        """A batch norm with its statistics; a small variance makes its output large."""
        return {
            f"{name}.weight": 1 + self.normal(width),
            f"{name}.bias": self.normal(width),
            f"{name}.running_mean": self.normal(width),
            f"{name}.running_var": variance * (0.5 + torch.rand(width, generator=self._random)),
            f"{name}.num_batches_tracked": torch.tensor(7),
        }

    def spectral(self, name: str, *shape: int, axis: int = 0, bias: bool = False) -> State:
        """A weight with spectral norm whose vectors are near the largest singular value's, but not there."""
        weight = self.weight(*shape)
        rows = weight.movedim(axis, 0).flatten(1)
        u = F.normalize(self.normal(rows.shape[0]), dim=0)
        v = F.normalize(rows.T @ u, dim=0)
        u = F.normalize(rows @ v, dim=0)
        return {
            **({f"{name}.bias": self.normal(rows.shape[0])} if bias else {}),
            f"{name}.weight_orig": weight,
            f"{name}.weight_u": u,
            f"{name}.weight_v": v,
        }
