"""Attention and feed-forward on feature maps in lucidrains' StyleGAN2, in the three forms that its versions have had.

Attention is linear: keys and queries are normalised by softmax instead of their products (Shen et al. 2018), so that
its cost grows with the number of pixels, not with its square. Since version 1.8 each part normalises what it sees over
the channels; before, what it adds was scaled by a learned number (1.5) or by one a channel (1.6, 1.7).
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.models.weights import Weights

__all__ = ["attention_of", "convolution"]

_HEAD: Final = 64
_SLOPE: Final = 0.2
_EPSILON: Final = 1e-5


def attention_of(weights: Weights, width: int) -> nn.Module:
    """Return the attention and feed-forward of a block, or what leaves a map as it is where the file has none."""
    found = any(weights.has(f"0.fn.{key}") for key in ("norm.g", "g"))
    return _AttentionAndFeedForward(weights, width) if found else nn.Identity()


def convolution(weights: Weights, before: int, side: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution with the file's values, padded by half its kernel."""
    weight = weights.take("weight", None, before, side, side)
    layer = nn.Conv2d(before, weight.shape[0], side, stride, side // 2)
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(weights.take("bias", weight.shape[0]))
    return layer


def _projection(weights: Weights, before: int) -> nn.Conv2d:
    """A 1 x 1 convolution without bias."""
    weight = weights.take("weight", None, before, 1, 1)
    layer = nn.Conv2d(before, weight.shape[0], 1, bias=False)
    layer.weight = nn.Parameter(weight)
    return layer


class _AttentionAndFeedForward(nn.Module):
    """Adds to a map [batch, width, h, w] what its pixels gather from each other, then what each makes of itself."""

    def __init__(self, weights: Weights, width: int) -> None:
        super().__init__()
        attention, forward = (weights.under(f"{place}.fn") for place in (0, 1))
        self.attention = _Scaled(attention, width, _Attention(attention.under("fn"), width))
        self.feed = _Scaled(forward, width, _feed_forward(forward.under("fn"), width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the map with what was added."""
        x = x + self.attention(x)
        added: Tensor = x + self.feed(x)
        return added


class _Scaled(nn.Module):
    """A part with what surrounds it: a norm over the channels before, or a scale after."""

    norm_gain: Tensor
    norm_bias: Tensor
    gain: Tensor

    def __init__(self, weights: Weights, width: int, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.norms = weights.has("norm.g")
        if self.norms:
            self.register_buffer("norm_gain", weights.take("norm.g", 1, width, 1, 1), persistent=False)
            self.register_buffer("norm_bias", weights.take("norm.b", 1, width, 1, 1), persistent=False)
        else:
            gain = weights.take_any("g")
            shape = (1,) if gain.ndim == 1 else (1, width, 1, 1)
            self.register_buffer("gain", weights.take("g", *shape), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return what is to be added."""
        if not self.norms:
            return self.inner(x) * self.gain  # type: ignore[no-any-return]
        scale = torch.rsqrt(x.var(dim=1, unbiased=False, keepdim=True) + _EPSILON)
        normed = (x - x.mean(dim=1, keepdim=True)) * scale * self.norm_gain + self.norm_bias
        return self.inner(normed)  # type: ignore[no-any-return]


class _Attention(nn.Module):
    """Each pixel's mixture of what all pixels offer, by heads of 64 channels."""

    def __init__(self, weights: Weights, width: int) -> None:
        super().__init__()
        self.is_late = weights.has("to_kv.net.0.weight")
        if self.is_late:
            depthwise = weights.take("to_kv.net.0.weight", width, 1, 3, 3)
            self.spread = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
            self.spread.weight = nn.Parameter(depthwise)
            self.query, self.both = (_projection(weights.under(name), width) for name in ("to_q", "to_kv.net.1"))
        else:
            self.query, self.key, self.value = (
                convolution(weights.under(name), width, 1) for name in ("to_q", "to_k", "to_v")
            )
        inner = self.query.out_channels
        self.heads = inner // _HEAD
        self.out = convolution(weights.under("to_out"), inner, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map [batch, width, h, w]."""
        query, (key, value) = self.query(x), self._offered(x)
        # The early form scales queries and keys before the softmax, the late one queries after it.
        before, after = (1.0, _HEAD**-0.5) if self.is_late else (_HEAD**-0.25, 1.0)
        query, key, value = (torch.unflatten(part, 1, (self.heads, _HEAD)).flatten(3) for part in (query, key, value))
        context = (key * before).softmax(dim=3) @ value.transpose(2, 3)
        gathered = context.transpose(2, 3) @ ((query * before).softmax(dim=2) * after)
        spread = torch.unflatten(gathered.flatten(1, 2), 2, x.shape[2:])
        return self.out(F.gelu(spread) if self.is_late else spread)  # type: ignore[no-any-return]

    def _offered(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if not self.is_late:
            return self.key(x), self.value(x)
        key, value = self.both(self.spread(x)).chunk(2, dim=1)
        return key, value


def _feed_forward(weights: Weights, width: int) -> nn.Sequential:
    wider = convolution(weights.under("0"), width, 1)
    return nn.Sequential(wider, nn.LeakyReLU(_SLOPE), convolution(weights.under("2"), wider.out_channels, 1))
