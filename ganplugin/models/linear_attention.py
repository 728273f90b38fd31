"""Attention over a feature map as lucidrains' networks have it: linear over all pixels, later also full over 3 x 3.

Heads are of 64 channels. Keys and queries of the linear part are normalised by softmax instead of their products (Shen
et al. 2018), so that its cost grows with the number of pixels, not with its square.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.models.network import StateDict

__all__ = ["EarlyAttention", "LinearAttention", "attention_key", "attention_of"]

_HEAD: Final = 64
_EPSILON: Final = 1e-5
_NAMES: Final = {"norm.g": "gain", "norm.b": "bias", "g": "gain"}


def _headed(x: Tensor) -> Tensor:
    """Return [batch, heads, 64, h, w] of a map [batch, heads * 64, h, w]."""
    return torch.unflatten(x, 1, (x.shape[1] // _HEAD, _HEAD))


def _everywhere(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return what every pixel gathers from all, [batch, heads * 64, h, w]; the arguments are of that shape too."""
    sides = query.shape[2:]
    query, key, value = (_headed(part).flatten(3) for part in (query, key, value))
    context = key.softmax(dim=3) @ value.transpose(2, 3)
    gathered = context.transpose(2, 3) @ query.softmax(dim=2)
    return torch.unflatten(gathered.flatten(1, 2), 2, sides)


def _normed(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """Return ``x`` normalised over the channels of each pixel."""
    scale = torch.rsqrt(x.var(dim=1, unbiased=False, keepdim=True) + _EPSILON)
    return (x - x.mean(dim=1, keepdim=True)) * scale * gain + bias


class LinearAttention(nn.Module):
    """Adds to a map [batch, width, h, w] what its pixels gather from all others and from their eight neighbours."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.to_lin_q = nn.Conv2d(width, inner, 1, bias=False)
        self.to_lin_kv = _deep(width, inner)
        self.to_q = nn.Conv2d(width, inner, 1, bias=False)
        self.to_kv = nn.Conv2d(width, 2 * inner, 1, bias=False)
        self.to_out = nn.Conv2d(2 * inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with what the attention adds."""
        normed = _normed(x, self.gain, self.bias)
        far = _everywhere(self.to_lin_q(normed), *self.to_lin_kv(normed).chunk(2, dim=1)) * _HEAD**-0.5
        gathered: Tensor = self.to_out(torch.cat((F.gelu(far), self._nearby(normed)), dim=1))
        return x + gathered

    def _nearby(self, x: Tensor) -> Tensor:
        """Pixels beyond the border count as zeros, and take part in the softmax as such."""
        key, value = (F.pad(part, (1, 1, 1, 1)) for part in self.to_kv(x).chunk(2, dim=1))
        query = _headed(self.to_q(x)) * _HEAD**-0.5
        products = [(query * moved).sum(dim=2, keepdim=True) for moved in self._windows(key, x)]
        shares = torch.cat(products, dim=2).softmax(dim=2)
        gathered = [shares[:, :, i : i + 1] * moved for i, moved in enumerate(self._windows(value, x))]
        return torch.stack(gathered).sum(dim=0).flatten(1, 2)

    def _windows(self, padded: Tensor, x: Tensor) -> list[Tensor]:
        height, width = x.shape[2:]
        places = [(top, left) for top in range(3) for left in range(3)]
        return [_headed(padded[:, :, top : top + height, left : left + width]) for top, left in places]


class EarlyAttention(nn.Module):
    """Adds to a map [batch, width, h, w] what its pixels gather from all others, as versions before 0.21 have it.

    From 0.19 on queries stand apart from keys and values, and a GELU follows; before, all three are one convolution.
    From 0.20 on the map is normalised first; before, what is gathered is scaled by a learned gain.
    """

    def __init__(self, state: StateDict, name: str) -> None:
        super().__init__()
        width, inner = state[f"{name}fn.to_out.weight"].shape[:2]
        joint, normed = f"{name}fn.to_qkv.weight" in state, f"{name}norm.g" in state
        self.gain = nn.Parameter(torch.ones_like(state[f"{name}{'norm.' if normed else ''}g"]))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1)) if normed else None
        self.to_qkv = nn.Conv2d(width, 3 * inner, 1, bias=False) if joint else None
        self.to_q = None if joint else nn.Conv2d(width, inner, 1, bias=False)
        self.to_kv = None if joint else _deep(width, inner)
        self.to_out = nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with what the attention adds."""
        added: Tensor = self.to_out(self._gathered(x if self.bias is None else _normed(x, self.gain, self.bias)))
        return x + (added * self.gain if self.bias is None else added)

    def _gathered(self, x: Tensor) -> Tensor:
        if self.to_qkv is not None:
            return _everywhere(*self.to_qkv(x).chunk(3, dim=1))
        if self.to_q is None or self.to_kv is None:
            raise LookupError("to_q.weight")
        return F.gelu(_everywhere(self.to_q(x), *self.to_kv(x).chunk(2, dim=1)) * _HEAD**-0.5)


def _deep(width: int, inner: int) -> nn.Sequential:
    """Keys and values: each channel over 3 x 3 pixels by itself, then across channels."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False), nn.Conv2d(width, 2 * inner, 1, bias=False)
    )


def attention_of(state: StateDict, name: str) -> LinearAttention | EarlyAttention | None:
    """Return an unloaded attention of the shapes of the tensors under ``name`` (with a dot), if there are any."""
    query = state.get(f"{name}fn.to_lin_q.weight")
    if query is not None:
        return LinearAttention(query.shape[1], query.shape[0])
    return EarlyAttention(state, name) if f"{name}fn.to_out.weight" in state else None


def attention_key(rest: str) -> str:
    """Return the name in either attention of a tensor under an attention in the file."""
    inner = rest.removeprefix("fn.")
    return _NAMES.get(rest, inner.replace("to_lin_kv.net.", "to_lin_kv.").replace("to_kv.net.", "to_kv."))
