"""StyleGAN2's synthesis as its projects run it in PyTorch: one grouped convolution with modulated weights a sample.

It stands in for their code, whose licence keeps it out of here: the same operations on the same tensors, without what
only training needs. (By hand, its speed was held against that code's.)
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["GroupedSynthesis"]

State = dict[str, Tensor]


class GroupedSynthesis:
    """ws [batch, num_ws, w_dim] to pictures -1..1, from the state dict of a "skip" generator."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.sizes = sorted({int(key.split(".")[1][1:]) for key in state if key.startswith("synthesis.b")})

    def __call__(self, ws: Tensor) -> Tensor:
        """Return the pictures [batch, 3, size, size]."""
        with torch.inference_mode():
            return self._pictures(ws)

    def _pictures(self, ws: Tensor) -> Tensor:
        x = self.state["synthesis.b4.const"][None].repeat(len(ws), 1, 1, 1)
        picture, place = None, 0
        for size in self.sizes:
            block = f"synthesis.b{size}"
            for name in ("conv0", "conv1") if size > 4 else ("conv1",):
                x = self._layer(f"{block}.{name}", x, ws[:, place], up=name == "conv0")
                place += 1
            added = self._torgb(f"{block}.torgb", x, ws[:, place])
            picture = added if picture is None else self._doubled(block, picture) + added
        return picture if picture is not None else x

    def _style(self, name: str, w: Tensor) -> Tensor:
        weight, bias = self.state[f"{name}.affine.weight"], self.state[f"{name}.affine.bias"]
        return torch.addmm(bias[None], w, (weight / math.sqrt(weight.shape[1])).t())

    def _weights(self, name: str, style: Tensor, *, demodulate: bool) -> Tensor:
        weights = self.state[f"{name}.weight"][None] * style[:, None, :, None, None]
        if demodulate:
            scale = (weights.square().sum(dim=(2, 3, 4)) + 1e-8).rsqrt()
            weights = weights * scale[:, :, None, None, None]
        return weights

    def _layer(self, name: str, x: Tensor, w: Tensor, *, up: bool) -> Tensor:
        batch, channels, height, width = x.shape
        weights = self._weights(name, self._style(name, w), demodulate=True)
        out = weights.shape[1]
        x = x.reshape(1, batch * channels, height, width)
        if up:
            flat = weights.transpose(1, 2).reshape(batch * channels, out, 3, 3)
            y = F.conv_transpose2d(x, flat, stride=2, groups=batch)
            y = self._filtered(name, y, 4.0, (1, 1, 1, 1)).reshape(batch, out, 2 * height, 2 * width)
        else:
            y = F.conv2d(x, weights.flatten(0, 1), padding=1, groups=batch).reshape(batch, out, height, width)
        y = y + self.state[f"{name}.noise_const"] * self.state[f"{name}.noise_strength"]
        y = F.leaky_relu(y + self.state[f"{name}.bias"][None, :, None, None], 0.2) * math.sqrt(2)
        return y.clamp(-256, 256)

    def _torgb(self, name: str, x: Tensor, w: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        style = self._style(name, w) / math.sqrt(channels)
        weights = self._weights(name, style, demodulate=False).flatten(0, 1)
        y = F.conv2d(x.reshape(1, batch * channels, height, width), weights, groups=batch)
        y = y.reshape(batch, -1, height, width) + self.state[f"{name}.bias"][None, :, None, None]
        return y.clamp(-256, 256)

    def _doubled(self, block: str, picture: Tensor) -> Tensor:
        batch, channels, height, width = picture.shape
        spread = F.pad(picture.reshape(batch, channels, height, 1, width, 1), [0, 1, 0, 0, 0, 1])
        return self._filtered(block, spread.reshape(batch, channels, 2 * height, 2 * width), 4.0, (2, 1, 2, 1))

    def _filtered(self, owner: str, x: Tensor, gain: float, padding: tuple[int, int, int, int]) -> Tensor:
        kernel = (self.state[f"{owner}.resample_filter"] * gain).flip((0, 1))[None, None]
        channels = x.shape[1]
        return F.conv2d(F.pad(x, padding), kernel.repeat(channels, 1, 1, 1), groups=channels)
