"""Attention over a feature map as lucidrains' networks have it: linear over all pixels, full over 3 x 3."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.models.network import StateDict

__all__ = ["LinearAttention", "attention_key", "attention_of"]

_HEAD: Final = 64
_EPSILON: Final = 1e-5


class LinearAttention(nn.Module):
    """Adds to a map [batch, width, h, w] what its pixels gather from all others and from their eight neighbours.

    Heads are of 64 channels. Keys and queries of the linear part are normalised by softmax instead of their products
    (Shen et al. 2018), so that its cost grows with the number of pixels, not with its square.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.heads = inner // _HEAD
        self.gain = nn.Parameter(torch.ones(1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.to_lin_q = nn.Conv2d(width, inner, 1, bias=False)
        self.to_lin_kv = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.Conv2d(width, 2 * inner, 1, bias=False),
        )
        self.to_q = nn.Conv2d(width, inner, 1, bias=False)
        self.to_kv = nn.Conv2d(width, 2 * inner, 1, bias=False)
        self.to_out = nn.Conv2d(2 * inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with what the attention adds."""
        scale = torch.rsqrt(x.var(dim=1, unbiased=False, keepdim=True) + _EPSILON)
        normed = (x - x.mean(dim=1, keepdim=True)) * scale * self.gain + self.bias
        gathered: Tensor = self.to_out(torch.cat((F.gelu(self._everywhere(normed)), self._nearby(normed)), dim=1))
        return x + gathered

    def _everywhere(self, x: Tensor) -> Tensor:
        key, value = self.to_lin_kv(x).chunk(2, dim=1)
        query, key, value = (self._headed(part).flatten(3) for part in (self.to_lin_q(x), key, value))
        context = key.softmax(dim=3) @ value.transpose(2, 3)
        gathered = context.transpose(2, 3) @ (query.softmax(dim=2) * _HEAD**-0.5)
        return torch.unflatten(gathered.flatten(1, 2), 2, x.shape[2:])

    def _nearby(self, x: Tensor) -> Tensor:
        """Pixels beyond the border count as zeros, and take part in the softmax as such."""
        key, value = (F.pad(part, (1, 1, 1, 1)) for part in self.to_kv(x).chunk(2, dim=1))
        query = self._headed(self.to_q(x)) * _HEAD**-0.5
        products = [(query * moved).sum(dim=2, keepdim=True) for moved in self._windows(key, x)]
        shares = torch.cat(products, dim=2).softmax(dim=2)
        gathered = [shares[:, :, i : i + 1] * moved for i, moved in enumerate(self._windows(value, x))]
        return torch.stack(gathered).sum(dim=0).flatten(1, 2)

    def _headed(self, x: Tensor) -> Tensor:
        """Return [batch, heads, 64, h, w] of a map [batch, heads * 64, h, w]."""
        return torch.unflatten(x, 1, (self.heads, _HEAD))

    def _windows(self, padded: Tensor, x: Tensor) -> list[Tensor]:
        height, width = x.shape[2:]
        places = [(top, left) for top in range(3) for left in range(3)]
        return [self._headed(padded[:, :, top : top + height, left : left + width]) for top, left in places]


def attention_of(state: StateDict, name: str) -> LinearAttention | None:
    """Return an unloaded attention of the shapes of the tensors under ``name`` (with a dot), if there are any."""
    query = state.get(f"{name}fn.to_lin_q.weight")
    return None if query is None else LinearAttention(query.shape[1], query.shape[0])


def attention_key(rest: str) -> str:
    """Return the name in `LinearAttention` of a tensor under an attention in the file."""
    if rest in ("norm.g", "norm.b"):
        return "gain" if rest == "norm.g" else "bias"
    return rest.removeprefix("fn.").replace("to_lin_kv.net.", "to_lin_kv.")
