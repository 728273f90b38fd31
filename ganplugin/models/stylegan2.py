"""StyleGAN2 and StyleGAN2-ADA (Karras et al. 2020) in the layout of NVIDIA's PyTorch code, pickled or as state dict.

All sizes are read from the tensors: resolution, widths, latent sizes, depth of the mapping, classes, a base that is
not 4 x 4, and which of the architectures of the StyleGAN2 paper's figure 7 it is: the synthesis network adds pictures
of all scales ("skip"), carries features past each block ("resnet"), or does neither ("orig").
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.fir import FirUp
from ganplugin.models.modulation import ModulatedConv, ModulatedUpConv
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.nvlabs import (
    CLAMP,
    LICENCE,
    MAPPING_RATE,
    SLOPE,
    affine_of,
    bounded,
    demand_activations,
    fir_of,
    mapping_of,
    said_number,
    unused_fir,
)
from ganplugin.models.rebuilding import picture_channels
from ganplugin.models.w_space import WSpaceGenerator, linear_layer, w_inputs
from ganplugin.models.weights import Weights

__all__ = ["FAMILY"]

_ROOT: Final = math.sqrt(2)
_BLOCK: Final = re.compile(r"^synthesis\.b(\d+)\.")


@dataclass(frozen=True)
class _Layout:
    """The blocks of a synthesis network by their names' sizes (4, 8, ...), how they are joined, what all share."""

    sizes: tuple[int, ...]
    architecture: str
    w_dim: int
    channels: int
    clamp: float
    kernel: Tensor


class StyledLayer(nn.Module):
    """Modulated convolution, noise, bias, leaky ReLU, clamp; ``gain`` is what follows the activation."""

    bias: Tensor
    strength: Tensor

    def __init__(
        self, weights: Weights, layout: _Layout, entering: int, *, gain: float = 1.0, kernel: Tensor | None = None
    ) -> None:
        super().__init__()
        weight = weights.take("weight", None, entering, 3, 3)
        self.width = len(weight)
        self.affine = linear_layer(affine_of(weights, entering, layout.w_dim))
        # The leaky ReLU is homogeneous: gains cost nothing on the small tensors before it.
        total = gain * _ROOT
        self.limit = layout.clamp * gain
        doubled = None if kernel is None else ModulatedUpConv(weight, 4 * kernel, gain=total)
        self.conv = doubled or ModulatedConv(weight, gain=total)
        self.register_buffer("bias", total * weights.take("bias", weight.shape[0])[:, None, None], persistent=False)
        self.has_noise = weights.has("noise_const")
        strength = weights.take("noise_strength") if self.has_noise else self.bias.new_zeros(())
        self.register_buffer("strength", total * strength, persistent=False)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Return the features; ``noise`` [rows, 1, h, w] is None for networks without it."""
        y = self.conv(x, self.affine(w)) + self.bias
        if noise is not None:
            y = y + noise * self.strength
        return bounded(F.leaky_relu(y, SLOPE), self.limit)


class PictureLayer(nn.Module):
    """Features to a picture: modulated convolution without demodulation, bias, clamp."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, layout: _Layout, entering: int) -> None:
        super().__init__()
        weight = weights.take("weight", layout.channels, entering, 1, 1)
        self.affine = linear_layer(affine_of(weights, entering, layout.w_dim))
        self.clamp = layout.clamp
        self.register_buffer("weight", weight / math.sqrt(entering), persistent=False)
        self.register_buffer("bias", weights.take("bias", weight.shape[0]), persistent=False)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return a picture [batch, channels, h, w]."""
        return bounded(F.conv2d(x * self.affine(w)[:, :, None, None], self.weight, self.bias), self.clamp)


class Shortcut(nn.Module):
    """The way around a block of the "resnet" architecture: 1 x 1 convolution, then doubling."""

    weight: Tensor

    def __init__(self, weights: Weights, kernel: Tensor, entering: int, leaving: int) -> None:
        super().__init__()
        weight = weights.take("weight", leaving, entering, 1, 1)
        self.up = FirUp(4 * kernel, leaving)
        self.register_buffer("weight", weight * math.sqrt(0.5 / entering), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [batch, in, h, w] as [batch, out, 2 h, 2 w]."""
        return self.up(F.conv2d(x, self.weight))  # type: ignore[no-any-return]


class Block(nn.Module):
    """One scale. The first block has one layer at the base's size; the others double, then have another layer."""

    def __init__(self, weights: Weights, layout: _Layout, size: int, entering: int) -> None:
        super().__init__()
        first, last = size == layout.sizes[0], size == layout.sizes[-1]
        conv0, conv1, skip = (weights.under(name) for name in ("conv0", "conv1", "skip"))
        kernel = fir_of(weights, layout.kernel)
        residual = layout.architecture == "resnet" and not first
        self.conv0 = None if first else StyledLayer(conv0, layout, entering, kernel=fir_of(conv0, kernel))
        unused_fir(conv1)
        middle = entering if self.conv0 is None else self.conv0.width
        self.conv1 = StyledLayer(conv1, layout, middle, gain=math.sqrt(0.5) if residual else 1.0)
        self.width = self.conv1.width
        self.shortcut = Shortcut(skip, fir_of(skip, kernel), entering, self.width) if residual else None
        pictured = last or layout.architecture == "skip"
        self.picture = PictureLayer(weights.under("torgb"), layout, self.width) if pictured else None
        self.up = FirUp(4 * kernel, layout.channels) if pictured and layout.architecture == "skip" else None

    @property
    def layers(self) -> tuple[StyledLayer, ...]:
        """The layers that take noise, in order."""
        return (self.conv1,) if self.conv0 is None else (self.conv0, self.conv1)

    def forward(
        self, x: Tensor, picture: Tensor | None, ws: tuple[Tensor, ...], noises: tuple[Tensor | None, ...]
    ) -> tuple[Tensor, Tensor | None]:
        """Return features and the picture so far; ``ws`` has one w a layer and one for the picture."""
        y = x
        for layer, w, noise in zip(self.layers, ws, noises, strict=False):
            y = layer(y, w, noise)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        if self.picture is None:
            return y, picture
        added = self.picture(y, ws[-1])
        return y, added if picture is None or self.up is None else self.up(picture) + added


class Synthesis(nn.Module):
    """w [batch, num_ws, w_dim] (and noise) to pictures -1..1, unclamped."""

    base: Tensor

    def __init__(self, weights: Weights, layout: _Layout) -> None:
        super().__init__()
        self.register_buffer("base", weights.under("b4").take("const", None, None, None)[None], persistent=False)
        blocks, width = [], self.base.shape[1]
        for size in layout.sizes:
            blocks.append(Block(weights.under(f"b{size}"), layout, size, width))
            width = blocks[-1].width
        self.blocks = nn.ModuleList(blocks)
        self.layers = [layer for block in blocks for layer in block.layers]
        self.num_ws = len(self.layers) + 1

    def forward(self, w: Tensor, *noise: Tensor) -> Tensor:
        """Return pictures; ``noise`` is one map a layer that has noise, and the strength [] of all of them."""
        maps = iter(noise[:-1])
        noises = [next(maps) * noise[-1] if layer.has_noise else None for layer in self.layers]
        x, picture, place = self.base, None, 0
        for block in self.blocks:
            count = len(block.layers)  # type: ignore[arg-type]
            # A block's picture shares its w with the first layer of the next block.
            ws = tuple(w[:, index] for index in range(place, place + count + 1))
            x, picture = block(x, picture, ws, tuple(noises[place : place + count]))
            place += count
        return picture  # type: ignore[return-value]


def _sizes(state: StateDict) -> tuple[int, ...]:
    return tuple(sorted({int(match[1]) for key in state if (match := _BLOCK.match(key))}))


def detect(state: StateDict) -> bool:
    """Tell whether the tensors are a StyleGAN2 generator's: a learned base, blocks by size, a mapping."""
    sizes = _sizes(state)
    if not sizes or sizes != tuple(4 << index for index in range(len(sizes))) or "mapping.fc0.weight" not in state:
        return False
    base, last = state.get("synthesis.b4.const"), f"synthesis.b{sizes[-1]}.torgb.weight"
    return base is not None and base.ndim == 3 and last in state and "synthesis.b4.conv1.affine.weight" in state


def _architecture(state: StateDict, sizes: tuple[int, ...]) -> str:
    if f"synthesis.b{sizes[-1]}.skip.weight" in state:
        return "resnet"
    return "skip" if "synthesis.b4.torgb.weight" in state else "orig"


def _noise_inputs(weights: Weights, synthesis: Synthesis, layout: _Layout) -> tuple[GraphInput, ...]:
    """The stored noise maps become inputs with these defaults, of the sizes that the layers have."""
    height, width = synthesis.base.shape[2:]
    found: list[GraphInput] = []
    for size in layout.sizes:
        for name in ("conv0", "conv1"):
            inner = weights.under(f"synthesis.b{size}.{name}")
            if inner.has("noise_const"):
                noise = inner.take("noise_const", size // 4 * height, size // 4 * width)
                shape = ("rows", 1, *noise.shape)
                found.append(GraphInput(f"noise_{len(found)}", shape, noise[None, None].clone()))
    return (*found, GraphInput("noise_strength", (), torch.tensor(1.0))) if found else ()


def rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    """Return the generator. Raises `CheckpointError` if a tensor is missing, misshapen or left over."""
    if not detect(state):
        raise CheckpointError("is no StyleGAN2 generator")
    weights = Weights(state)
    sizes = _sizes(state)
    demand_activations(config)
    clamp = said_number(CLAMP, config, "synthesis.b4.conv1", "conv_clamp")
    mapping = mapping_of(weights, config)
    channels = len(weights.take(f"synthesis.b{sizes[-1]}.torgb.weight", None, None, 1, 1))
    kernel = fir_of(weights.under(f"synthesis.b{sizes[-1]}"))
    layout = _Layout(sizes, _architecture(state, sizes), mapping.w_dim, channels, float(clamp.value), kernel)
    synthesis = Synthesis(weights.under("synthesis"), layout)
    noise = _noise_inputs(weights, synthesis, layout)
    weights.finish()
    height, width = (side * sizes[-1] // 4 for side in synthesis.base.shape[2:])
    seen = {"channels": picture_channels(channels), "width": width, "height": height}
    inferred = (
        HyperParameter(name="resolution", value=f"{width} x {height}", origin="tensor"),
        HyperParameter(name="architecture", value=layout.architecture, origin="tensor"),
        HyperParameter(name="noise maps", value=max(0, len(noise) - 1), origin="tensor"),
        clamp,
    )
    return Network(
        kind="generator",
        module=eval_mode(WSpaceGenerator(mapping.network, synthesis, mapping.centre)),
        inputs=(*w_inputs(mapping.z_dim, mapping.classes, synthesis.num_ws, mapping.w_dim), *noise),
        outputs=("image", "w"),
        facts={**mapping.facts(synthesis.num_ws), **seen},
        inferred=(*mapping.inferred, *inferred),
    )


FAMILY = Family(
    id="stylegan2",
    title="StyleGAN2 generator (NVIDIA)",
    kind="generator",
    licence=LICENCE,
    detect=detect,
    rebuild=rebuild,
    settings=(MAPPING_RATE, CLAMP),
    signature=(
        "synthesis.b4.const",
        "synthesis.b4.conv1.affine.weight",
        "synthesis.b*.torgb.weight",
        "mapping.fc0.weight",
    ),
)
