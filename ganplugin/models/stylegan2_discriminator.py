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
from ganplugin.models.fir import Blur, FirDown
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.nvlabs import (
    CLAMP,
    LICENCE,
    MAPPING_RATE,
    SLOPE,
    bounded,
    demand_activations,
    fir_of,
    label_mapping_of,
    said_number,
    unused_fir,
)
from ganplugin.models.rebuilding import picture_channels
from ganplugin.models.setting import Setting
from ganplugin.models.w_space import MappingNetwork, linear_layer
from ganplugin.models.weights import Weights

__all__ = ["FAMILY"]

_BASE: Final = 4
_ROWS: Final = Setting("base_rows", "rows of the smallest feature map (0: as many as columns)", 0, least=0)
_NO_DEVIATION: Final = math.sqrt(1e-8)
_BLOCK: Final = re.compile(r"^b(\d+)\.")


@dataclass(frozen=True)
class _Layout:
    """The blocks by size, how they are joined, the picture's channels, the first block's width, what all share."""

    sizes: tuple[int, ...]
    architecture: str
    channels: int
    width: int
    clamp: float
    kernel: Tensor


class Layer(nn.Module):
    """Convolution, bias, leaky ReLU with gain sqrt(2), clamp; with ``kernel`` it blurs first and halves.

    ``weight`` [out, in, k, k] is the tensor of that name, without its gain.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, weights: Weights, clamp: float, weight: Tensor, *, gain: float = 1.0, kernel: Tensor | None = None
    ) -> None:
        super().__init__()
        self.width = len(weight)
        total = gain * math.sqrt(2)
        self.limit = clamp * gain
        self.stride, self.padding, self.blur = 1, weight.shape[-1] // 2, None
        if kernel is not None:
            taps = kernel.shape[0]
            self.stride, self.padding = 2, 0
            self.blur = Blur(kernel, weight.shape[1], (1 + (taps - 1) // 2, 1 + (taps - 2) // 2))
        scaled = weight * (total / math.sqrt(math.prod(weight.shape[1:])))
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

    def __init__(self, weights: Weights, kernel: Tensor, entering: int, leaving: int) -> None:
        super().__init__()
        weight = weights.take("weight", leaving, entering, 1, 1)
        self.down = FirDown(kernel, entering)
        self.register_buffer("weight", weight * math.sqrt(0.5 / entering), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [batch, in, h, w] as [batch, out, h / 2, w / 2]."""
        return F.conv2d(self.down(x), self.weight)


class Block(nn.Module):
    """One scale: what is seen of the picture there, two layers of which the second halves, and a shortcut."""

    def __init__(self, weights: Weights, layout: _Layout, size: int, entering: int) -> None:
        super().__init__()
        kernel = fir_of(weights, layout.kernel)
        conv0, conv1, skip = (weights.under(name) for name in ("conv0", "conv1", "skip"))
        residual = layout.architecture == "resnet"
        sees = size == layout.sizes[0] or layout.architecture == "skip"
        self.see = _seeing(weights.under("fromrgb"), layout, entering, layout.clamp) if sees else None
        self.down = FirDown(kernel, layout.channels) if layout.architecture == "skip" else None
        unused_fir(conv0)
        self.conv0 = Layer(conv0, layout.clamp, conv0.take("weight", None, entering, 3, 3))
        weight = conv1.take("weight", None, self.conv0.width, 3, 3)
        gain = math.sqrt(0.5) if residual else 1.0
        self.conv1 = Layer(conv1, layout.clamp, weight, gain=gain, kernel=fir_of(conv1, kernel))
        self.width = self.conv1.width
        self.shortcut = Shortcut(skip, fir_of(skip, kernel), entering, self.width) if residual else None

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
    """The end, mostly 4 x 4: minibatch deviation of groups of one (a constant), convolution, two linear layers."""

    def __init__(self, weights: Weights, layout: _Layout, entering: int, leaving: int) -> None:
        super().__init__()
        conv = weights.under("conv")
        skips = layout.architecture == "skip"
        self.see = _seeing(weights.under("fromrgb"), layout, entering, 0.0) if skips else None
        weight = conv.take("weight", None, None, 3, 3)
        self.deviations = weight.shape[1] - entering
        if not 0 <= self.deviations <= entering:
            raise CheckpointError("has a last convolution for another number of channels than there are")
        unused_fir(conv)
        self.conv = Layer(conv, layout.clamp, weight)
        self.enter = linear_layer(_linear(weights.under("fc"), None, None))
        self.places, rest = divmod(self.enter.in_features, self.conv.width)
        if rest:
            raise CheckpointError("has a last layer for another number of features than there are")
        self.leave = linear_layer(_linear(weights.under("out"), leaving, self.enter.out_features))

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """Return one number a picture, or a vector that is to be compared with the label's."""
        if self.see is not None:
            x = x + self.see(image)
        if self.deviations:
            x = torch.cat([x, torch.full_like(x[:, : self.deviations], _NO_DEVIATION)], dim=1)
        hidden = F.leaky_relu(self.enter(self.conv(x).flatten(1)), SLOPE) * math.sqrt(2)
        return self.leave(hidden)  # type: ignore[no-any-return]


def _seeing(weights: Weights, layout: _Layout, leaving: int, clamp: float) -> Layer:
    unused_fir(weights)
    return Layer(weights, clamp, weights.take("weight", leaving, layout.channels, 1, 1))


def _linear(weights: Weights, leaving: int | None, entering: int | None) -> tuple[Tensor, Tensor]:
    weight = weights.take("weight", leaving, entering)
    return weight / math.sqrt(weight.shape[1]), weights.take("bias", weight.shape[0])


class Discriminator(nn.Module):
    """Pictures 0..1 [batch, channels, height, width] (and labels [batch, classes]) to one logit each [batch]."""

    def __init__(self, weights: Weights, layout: _Layout, mapping: MappingNetwork | None) -> None:
        super().__init__()
        blocks, width = [], layout.width
        for size in layout.sizes:
            blocks.append(Block(weights.under(f"b{size}"), layout, size, width))
            width = blocks[-1].width
        self.blocks = nn.ModuleList(blocks)
        leaving = 1 if mapping is None else mapping.w_dim
        self.verdict = Verdict(weights.under(f"b{_BASE}"), layout, width, leaving)
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


def _base(places: int, halved: int, config: Mapping[str, object]) -> tuple[int, int, HyperParameter]:
    """Return rows and columns of the smallest feature map, and where they were read.

    The last layer only tells their product, which is 16 unless a fork trained on oblong pictures.
    """
    kwargs = config.get("_init_kwargs")
    said = kwargs.get("init_res") if isinstance(kwargs, Mapping) else None
    known = {_ROWS.name: said[0]} if isinstance(said, (list, tuple)) and said else {}
    rows = _ROWS.read({**known, **config})
    count = int(rows.value) or math.isqrt(places)
    if places % max(count, 1) or (not rows.value and count * count != places):
        raise CheckpointError(
            f"judges oblong pictures: its smallest feature map has {places} places, in how many rows cannot be told",
            fix=f"give --set base_rows=N, the height of its pictures / {halved}",
        )
    return count, places // count, rows


def rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    """Return the scorer. Raises `CheckpointError` if a tensor is missing, misshapen or left over."""
    if not detect(state):
        raise CheckpointError("is no StyleGAN2 discriminator")
    weights, sizes = Weights(state), _sizes(state)
    demand_activations(config)
    clamp = said_number(CLAMP, config, f"b{sizes[0]}.conv0", "conv_clamp")
    width, channels = weights.take(f"b{sizes[0]}.fromrgb.weight", None, None, 1, 1).shape[:2]
    kernel = fir_of(weights.under(f"b{sizes[0]}"))
    layout = _Layout(sizes, _architecture(state, sizes), channels, width, float(clamp.value), kernel)
    rate = said_number(MAPPING_RATE, config, "mapping.fc0", "bias_gain")
    mapping = label_mapping_of(weights, rate, config)[0] if weights.has("mapping.embed.weight") else None
    module = Discriminator(weights, layout, mapping)
    weights.finish()
    classes = 0 if mapping is None or mapping.embed is None else mapping.embed.in_features
    rows, columns, base = _base(module.verdict.places, sizes[0] // _BASE, config)
    height, width = (side * sizes[0] // _BASE for side in (rows, columns))
    label = (GraphInput("label", ("batch", classes)),) if classes else ()
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, height, width)), *label),
        outputs=("score",),
        facts={
            "channels": picture_channels(channels),
            "width": width,
            "height": height,
            "classes": tuple(str(index) for index in range(classes)),
        },
        inferred=(
            HyperParameter(name="resolution", value=f"{width} x {height}", origin="tensor"),
            HyperParameter(name="architecture", value=layout.architecture, origin="tensor"),
            HyperParameter(name="classes", value=classes, origin="tensor"),
            HyperParameter(name="minibatch deviation", value="of each picture alone", origin="default"),
            clamp,
            *((base,) if rows != columns else ()),
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
    settings=(MAPPING_RATE, CLAMP, _ROWS),
    signature=("b*.fromrgb.weight", "b*.conv0.weight", "b4.conv.weight", "b4.out.weight"),
)
