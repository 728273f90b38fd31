"""The discriminator of StyleGAN2, StyleGAN2-ADA and StyleGAN3 (Karras et al. 2020) as a scorer.

In training it compares the pictures of a minibatch: a score would depend on what else is in the batch. Here each
picture is a group of its own, so that the minibatch statistic is a constant and a picture's score is its own.
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
from ganplugin.models.fir import Blur, FirDown, fir_kernel
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.nvlabs import (
    CLAMP,
    LICENCE,
    MAPPING_RATE,
    SLOPE,
    bounded,
    channels_of,
    demand_activation,
    fir_of,
    label_mapping_of,
    said_number,
)
from ganplugin.models.w_space import MappingNetwork, linear_layer
from ganplugin.models.weights import Weights

__all__ = ["FAMILY"]

_BASE: Final = 4
_NO_DEVIATION: Final = math.sqrt(1e-8)
_BLOCK: Final = re.compile(r"^b(\d+)\.")
_IGNORED: Final = (r"b\d+\.(\w+\.)?resample_filter", r"mapping\.w_avg")


@dataclass(frozen=True)
class _Layout:
    sizes: tuple[int, ...]
    architecture: str
    clamp: float


class Layer(nn.Module):
    """Convolution, bias, leaky ReLU with gain sqrt(2), clamp; with ``kernel`` it blurs first and halves."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, clamp: float, *, gain: float = 1.0, kernel: Tensor | None = None) -> None:
        super().__init__()
        weight = weights.take("weight", None, None, None, None)
        total = gain * math.sqrt(2)
        self.limit = clamp * gain
        self.stride, self.padding, self.blur = 1, weight.shape[-1] // 2, None
        if kernel is not None:
            taps = kernel.shape[0]
            self.stride, self.padding = 2, 0
            self.blur = Blur(kernel, weight.shape[1], (1 + (taps - 1) // 2, 1 + (taps - 2) // 2))
        scaled = weight * (total / math.sqrt(weight[0].numel()))
        self.register_buffer("weight", scaled, persistent=False)
        self.register_buffer("bias", weights.take("bias", weight.shape[0]) * total, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of x [batch, in, h, w]."""
        x = x if self.blur is None else self.blur(x)
        y = F.conv2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding)
        return bounded(F.leaky_relu(y, SLOPE), self.limit)


class Shortcut(nn.Module):
    """The way around a block of the "resnet" architecture: halving, then 1 x 1 convolution."""

    weight: Tensor

    def __init__(self, weights: Weights, kernel: Tensor) -> None:
        super().__init__()
        weight = weights.take("weight", None, None, 1, 1)
        self.down = FirDown(kernel, weight.shape[1])
        self.register_buffer("weight", weight * math.sqrt(0.5 / weight.shape[1]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [batch, in, h, w] as [batch, out, h / 2, w / 2]."""
        return F.conv2d(self.down(x), self.weight)


class Block(nn.Module):
    """One scale: what is seen of the picture there, two layers of which the second halves, and a shortcut."""

    def __init__(self, weights: Weights, layout: _Layout, size: int) -> None:
        super().__init__()
        kernel = fir_of(weights, fir_kernel())
        residual = layout.architecture == "resnet"
        sees = size == layout.sizes[0] or layout.architecture == "skip"
        self.see = Layer(weights.under("fromrgb"), layout.clamp) if sees else None
        channels = 0 if self.see is None else self.see.weight.shape[1]
        self.down = FirDown(kernel, channels) if layout.architecture == "skip" else None
        self.conv0 = Layer(weights.under("conv0"), layout.clamp)
        inner = weights.under("conv1")
        gain = math.sqrt(0.5) if residual else 1.0
        self.conv1 = Layer(inner, layout.clamp, gain=gain, kernel=fir_of(inner, kernel))
        self.shortcut = Shortcut(weights.under("skip"), kernel) if residual else None

    def forward(self, x: Tensor | None, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return features at half the size, and the picture for the next block."""
        if self.see is not None:
            seen = self.see(image)
            x = seen if x is None else x + seen
        y = self.conv1(self.conv0(x))
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return y, image if self.down is None else self.down(image)


class Verdict(nn.Module):
    """The 4 x 4 end: minibatch deviation of groups of one (a constant), convolution, two linear layers."""

    def __init__(self, weights: Weights, layout: _Layout) -> None:
        super().__init__()
        self.see = Layer(weights.under("fromrgb"), layout.clamp) if layout.architecture == "skip" else None
        self.conv = Layer(weights.under("conv"), layout.clamp)
        width = self.conv.weight.shape[0]
        self.enter = linear_layer(_linear(weights.under("fc"), width * _BASE * _BASE))
        self.leave = linear_layer(_linear(weights.under("out"), self.enter.out_features))

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """Return one number a picture, or a vector that is to be compared with the label's."""
        if self.see is not None:
            x = x + self.see(image)
        missing = self.conv.weight.shape[1] - x.shape[1]
        if missing:
            x = torch.cat([x, torch.full_like(x[:, :missing], _NO_DEVIATION)], dim=1)
        hidden = F.leaky_relu(self.enter(self.conv(x).flatten(1)), SLOPE) * math.sqrt(2)
        return self.leave(hidden)  # type: ignore[no-any-return]


def _linear(weights: Weights, entering: int) -> tuple[Tensor, Tensor]:
    weight = weights.take("weight", None, entering)
    return weight / math.sqrt(entering), weights.take("bias", weight.shape[0])


class Discriminator(nn.Module):
    """Pictures 0..1 [batch, channels, size, size] (and labels [batch, classes]) to one logit each [batch]."""

    def __init__(self, weights: Weights, layout: _Layout, mapping: MappingNetwork | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(weights.under(f"b{size}"), layout, size) for size in layout.sizes)
        self.verdict = Verdict(weights.under(f"b{_BASE}"), layout)
        self.mapping = mapping

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the logit of each picture: higher is more like the training set."""
        image = image * 2 - 1
        x = None
        for block in self.blocks:
            x, image = block(x, image)
        verdict: Tensor = self.verdict(x, image)
        if self.mapping is not None:
            wanted = self.mapping(None, label)
            verdict = (verdict * wanted).sum(dim=1) / math.sqrt(wanted.shape[1])
        return verdict.flatten()


def _sizes(state: StateDict) -> tuple[int, ...]:
    """Sizes of the blocks but the last one, from the largest down."""
    found = {int(match[1]) for key in state if (match := _BLOCK.match(key))}
    return tuple(sorted(found - {_BASE}, reverse=True))


def detect(state: StateDict) -> bool:
    """Tell whether the tensors are a discriminator's: blocks by size, the largest of which looks at the picture."""
    sizes = _sizes(state)
    if not sizes or sizes[::-1] != tuple(_BASE << index for index in range(1, len(sizes) + 1)):
        return False
    needed = (f"b{sizes[0]}.fromrgb.weight", f"b{sizes[-1]}.conv1.weight", "b4.conv.weight", "b4.fc.weight")
    return "b4.out.weight" in state and all(key in state for key in needed)


def _architecture(state: StateDict, sizes: tuple[int, ...]) -> str:
    if f"b{sizes[0]}.skip.weight" in state:
        return "resnet"
    return "skip" if "b4.fromrgb.weight" in state else "orig"


def rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    """Return the scorer. Raises `CheckpointError` if a tensor is missing, misshapen or left over."""
    if not detect(state):
        raise CheckpointError("is no StyleGAN2 discriminator")
    weights, sizes = Weights(state), _sizes(state)
    demand_activation(config, f"b{sizes[0]}.conv0")
    clamp = said_number(CLAMP, config, f"b{sizes[0]}.conv0", "conv_clamp")
    layout = _Layout(sizes, _architecture(state, sizes), float(clamp.value))
    rate = said_number(MAPPING_RATE, config, "mapping.fc0", "bias_gain")
    mapping = label_mapping_of(weights, rate)[0] if weights.has("mapping.embed.weight") else None
    module = Discriminator(weights, layout, mapping)
    weights.finish(_IGNORED)
    classes = 0 if mapping is None or mapping.embed is None else mapping.embed.in_features
    channels, size = state[f"b{sizes[0]}.fromrgb.weight"].shape[1], sizes[0]
    label = (GraphInput("label", ("batch", classes)),) if classes else ()
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, size, size)), *label),
        outputs=("score",),
        facts={
            "channels": channels_of(channels),
            "width": size,
            "height": size,
            "classes": tuple(str(index) for index in range(classes)),
        },
        inferred=(
            HyperParameter(name="picture side", value=size, origin="tensor"),
            HyperParameter(name="architecture", value=layout.architecture, origin="tensor"),
            HyperParameter(name="classes", value=classes, origin="tensor"),
            HyperParameter(name="minibatch deviation", value="of each picture alone", origin="default"),
            clamp,
            *((rate,) if classes else ()),
        ),
    )


FAMILY = Family(
    id="stylegan2-scorer",
    title="StyleGAN2 discriminator (NVIDIA)",
    kind="scorer",
    licence=LICENCE,
    detect=detect,
    rebuild=rebuild,
    settings=(MAPPING_RATE, CLAMP),
)
