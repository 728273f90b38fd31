"""The W space of the StyleGAN families: z (and label) to w, truncation, mixing, and the generator around them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.models.network import GraphInput

__all__ = [
    "CENTRE_PASSES",
    "Linear",
    "MappingNetwork",
    "WSpaceGenerator",
    "estimated_centre",
    "linear_layer",
    "w_inputs",
]

CENTRE_PASSES = 10_000
"""Draws of z from which a truncation centre is estimated where a file holds none, as NVIDIA's projector does."""

Linear = tuple[Tensor, Tensor]
"""A weight [out, in] and a bias [out], with their gains multiplied in."""

_CHUNK = 1000


def second_moment_normalised(x: Tensor) -> Tensor:
    """Return x [batch, n] with rows of mean square 1."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


class MappingNetwork(nn.Module):
    """z [batch, z_dim] to w [batch, w_dim]: normalisation, then linear layers with leaky ReLU 0.2 and gain sqrt(2).

    A conditional one appends what ``embed`` makes of the label [batch, classes], normalised; one without z (a
    discriminator's) maps the label alone. After Karras et al. 2019 and 2020.
    """

    def __init__(self, layers: Sequence[Linear], embed: nn.Linear | None = None, *, slope: float = 0.2) -> None:
        super().__init__()
        self.slope = slope
        self.embed = embed
        self.layers = nn.ModuleList(linear_layer(layer) for layer in layers)
        self.w_dim = len(layers[-1][1])

    def forward(self, z: Tensor | None, label: Tensor | None = None) -> Tensor:
        """Return w [batch, w_dim]. An unconditional network takes z alone."""
        parts = [] if z is None else [second_moment_normalised(z)]
        if self.embed is not None:
            parts.append(second_moment_normalised(self.embed(label)))
        x = torch.cat(parts, dim=1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), self.slope) * math.sqrt(2)
        return x


class ActiveLinear(nn.Linear):
    """A fully connected layer with leaky ReLU 0.2 and gain sqrt(2)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the activations [batch, out] of [batch, in]."""
        return F.leaky_relu(super().forward(input), 0.2) * math.sqrt(2)


def linear_layer(values: Linear) -> nn.Linear:
    """Return a fully connected layer with these values."""
    weight, bias = values
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def estimated_centre(mapping: MappingNetwork, z_dim: int, classes: int = 0, passes: int = CENTRE_PASSES) -> Tensor:
    """Return the mean w [w_dim] of ``passes`` fixed draws of z (seed 0), over labels drawn evenly if there are any."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(())
    with torch.no_grad():
        for start in range(0, passes, _CHUNK):
            count = min(_CHUNK, passes - start)
            z = torch.randn(count, z_dim, generator=generator)
            label = F.one_hot(torch.arange(start, start + count) % classes, classes).float() if classes else None
            total = total + mapping(z, label).sum(dim=0, dtype=torch.float64)
    return (total / passes).float()


class WSpaceGenerator(nn.Module):
    """The model file's generator contract around a mapping and a synthesis network.

    ``synthesis`` takes w [batch, num_ws, w_dim] and whatever inputs follow those of `w_inputs`, and returns pictures
    in -1..1, unclamped. ``centre`` is the truncation centre [w_dim], or one a class [classes, w_dim].
    """

    centre: Tensor

    def __init__(self, mapping: MappingNetwork, synthesis: nn.Module, centre: Tensor) -> None:
        super().__init__()
        self.mapping = mapping
        self.synthesis = synthesis
        self.register_buffer("centre", centre.detach().clone(), persistent=False)

    def forward(self, z: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        """Return (pictures 0..1, w). After z come label (conditional only), truncation, ws, mix, synthesis inputs."""
        label, rest = (rest[0], rest[1:]) if self.mapping.embed is not None else (None, rest)
        truncation, ws, mix, *others = rest
        centre = self.centre if self.centre.ndim == 1 or label is None else (label @ self.centre)[:, None, :]
        w = self.mapping(z, label)[:, None, :]
        w = centre + truncation[None, :, None] * (w - centre)
        w = w + mix[None, :, None] * (ws - w)
        image = self.synthesis(w, *others)
        return (image * 0.5 + 0.5).clamp(0, 1), w


def w_inputs(z_dim: int, classes: int, num_ws: int, w_dim: int) -> tuple[GraphInput, ...]:
    """Return the inputs of a `WSpaceGenerator` up to ``mix``, with their defaults."""
    label = (GraphInput("label", ("batch", classes)),) if classes else ()
    return (
        GraphInput("z", ("batch", z_dim)),
        *label,
        GraphInput("truncation", (num_ws,), torch.ones(num_ws)),
        GraphInput("ws", ("batch_ws", num_ws, w_dim), torch.zeros(1, num_ws, w_dim)),
        GraphInput("mix", (num_ws,), torch.zeros(num_ws)),
    )
