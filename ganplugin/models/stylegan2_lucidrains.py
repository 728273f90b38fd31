"""StyleGAN2 (Karras et al. 2020) as in lucidrains' stylegan2-pytorch, written from the shapes.

It differs from NVIDIA's: one noise picture for all layers, cut to each layer's size and turned over its diagonal;
bilinear doubling; styles around 1; z of length 1; pictures of 0..1. Mapping (``SE``) and synthesis (``GE``) are
averaged; files that lack them have ``S`` and ``G``. Pictures are smoothed as they are doubled since version 1.1, which
the file tells by holding the filter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.lucidrains_attention import attention_of
from ganplugin.models.modulation import ModulatedConv
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.setting import Setting
from ganplugin.models.w_space import CENTRE_PASSES, Linear, MappingNetwork, WSpaceGenerator, estimated_centre, w_inputs
from ganplugin.models.weights import Weights

__all__ = ["FAMILY", "LICENCE", "Smoothing"]

_SLOPE: Final = 0.2
LICENCE: Final = "The code is MIT; the rights in the weights are those of whoever trained them."
_SMOOTHING: Final = "upsample.1.f"
_RATE: Final = Setting("lr_mlp", "learning rate multiplier of the mapping", 0.1, least=1e-6, most=1.0)


class Smoothing(nn.Module):
    """[1, 2, 1] both ways, edges mirrored. Raises `CheckpointError` if the filter at ``key`` is another."""

    weight: Tensor

    def __init__(self, weights: Weights, key: str, channels: int) -> None:
        super().__init__()
        if weights.take(key, 3).tolist() != [1, 2, 1]:
            raise CheckpointError(f"blurs with another filter than [1, 2, 1] ({key})")
        row = torch.tensor([0.25, 0.5, 0.25])
        self.channels = channels
        self.pad = nn.ReflectionPad2d(1)
        self.register_buffer("weight", torch.outer(row, row)[None, None].repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [batch, channels, h, w], smoothed."""
        return F.conv2d(self.pad(x), self.weight, groups=self.channels)


class _Layer(nn.Module):
    """Modulated convolution, noise, leaky ReLU."""

    strength: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, number: int, w_dim: int, before: int) -> None:
        super().__init__()
        weight = weights.take(f"conv{number}.weight", None, before, 3, 3)
        self.affine = _styled(weights.under(f"to_style{number}"), w_dim, before)
        self.conv = ModulatedConv(weight)
        noise, self.width = weights.under(f"to_noise{number}"), weight.shape[0]
        self.register_buffer("strength", noise.take("weight", self.width, 1)[:, :, None], persistent=False)
        self.register_buffer("bias", noise.take("bias", self.width)[:, None, None], persistent=False)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """Return features of x [batch or 1, before, h, w] and noise [rows, 1, at least h, at least w]."""
        y = self.conv(x, self.affine(w))
        cut = noise[:, :, : x.shape[2], : x.shape[3]]
        return F.leaky_relu(y + cut * self.strength + self.bias, _SLOPE)


def _doubling() -> nn.Upsample:
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)


class _Block(nn.Module):
    """Two layers, and a picture that is added to the one so far and doubled for the next block."""

    weight: Tensor

    def __init__(self, weights: Weights, w_dim: int, before: int, *, is_last: bool) -> None:
        super().__init__()
        self.first = _Layer(weights, 1, w_dim, before)
        self.second = _Layer(weights, 2, w_dim, self.first.width)
        self.width, picture = self.second.width, weights.under("to_rgb")
        self.affine = _styled(picture.under("to_style"), w_dim, self.width)
        self.register_buffer("weight", picture.take("conv.weight", None, self.width, 1, 1), persistent=False)
        self.smooths = picture.has(_SMOOTHING)
        smoothing = [Smoothing(picture, _SMOOTHING, self.weight.shape[0])] if self.smooths else []
        self.up = nn.Identity() if is_last else nn.Sequential(_doubling(), *smoothing)

    def forward(self, x: Tensor, picture: Tensor | None, w: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features and the picture so far, both for the next block."""
        x = self.second(self.first(x, w, noise), w, noise)
        added = F.conv2d(x * self.affine(w)[:, :, None, None], self.weight)
        return x, self.up(added if picture is None else picture + added)


class _Synthesis(nn.Module):
    """w [batch, num_ws, w_dim], noise [rows, 1, size, size] and its strength [] to pictures -1..1, unclamped."""

    base: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, w_dim: int, blocks: int) -> None:
        super().__init__()
        self.is_constant = weights.has("initial_block")
        base = (
            weights.take("initial_block", 1, None, 4, 4)
            if self.is_constant
            else weights.take("to_initial_block.weight", w_dim, None, 4, 4)
        )
        width = base.shape[1]
        self.register_buffer("base", base, persistent=False)
        self.register_buffer("weight", weights.take("initial_conv.weight", width, width, 3, 3), persistent=False)
        self.register_buffer("bias", weights.take("initial_conv.bias", width), persistent=False)
        found: list[_Block] = []
        entering: list[nn.Module] = []
        for index in range(blocks):
            before = found[-1].width if found else width
            attention = attention_of(weights.under(f"attns.{index}"), before)
            entering.append(nn.Sequential(attention, _doubling()) if found else attention)
            found.append(_Block(weights.under(f"blocks.{index}"), w_dim, before, is_last=index == blocks - 1))
        self.entering, self.blocks = nn.ModuleList(entering), nn.ModuleList(found)
        self.channels = found[-1].weight.shape[0]
        self.smooths = any(block.smooths for block in found)
        if not all(block.smooths == self.smooths for block in found[:-1]):
            raise CheckpointError("smooths some of its doubled pictures, but not all")

    def forward(self, w: Tensor, noise: Tensor, strength: Tensor) -> Tensor:
        """Return pictures [batch, channels, size, size]."""
        turned = (noise * strength).transpose(2, 3)
        start = self.base if self.is_constant else torch.einsum("bw,wchv->bchv", w.mean(dim=1), self.base)
        x = F.conv2d(start, self.weight, self.bias, padding=1)
        picture: Tensor | None = None
        for index, (entering, block) in enumerate(zip(self.entering, self.blocks, strict=True)):
            x, picture = block(entering(x), picture, w[:, index], turned)
        return torch.mul(picture, 2) - 1  # type: ignore[arg-type]


def _styled(weights: Weights, w_dim: int, width: int) -> nn.Linear:
    """A linear layer whose style lies around 1."""
    layer = nn.Linear(w_dim, width)
    layer.weight = nn.Parameter(weights.take("weight", width, w_dim))
    layer.bias = nn.Parameter(weights.take("bias", width) + 1)
    return layer


def _mapping(weights: Weights, rate: float) -> MappingNetwork:
    """The mapping, with what differs from the shared one folded in: z of length 1, and no gain after a layer."""
    layers: list[Linear] = []
    while weights.has(f"net.{2 * len(layers)}.weight"):
        layer = weights.under(f"net.{2 * len(layers)}")
        weight = layer.take("weight", None, layers[-1][0].shape[0] if layers else None)
        scale = rate / math.sqrt(2)
        normal = 1.0 if layers else 1 / math.sqrt(weight.shape[1])
        layers.append((weight * (scale * normal), layer.take("bias", weight.shape[0]) * scale))
    return MappingNetwork(layers, slope=_SLOPE)


_NAMES: Final = (("SE", "GE"), ("S", "G"))
"""What mapping and synthesis are called in a file: averaged or not."""


def _names(state: StateDict) -> tuple[str, str] | None:
    """Return the names of the networks in a file, averaged ones first."""
    for mapping, synthesis in _NAMES:
        wanted = (f"{mapping}.net.0.weight", f"{synthesis}.blocks.0.to_style1.weight")
        start = (f"{synthesis}.initial_block", f"{synthesis}.to_initial_block.weight")
        if all(key in state for key in wanted) and any(key in state for key in start):
            return mapping, synthesis
    return None


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    names = _names(state)
    if names is None:
        raise CheckpointError("is no StyleGAN2 of lucidrains")
    own = {key: value for key, value in state.items() if key.startswith(tuple(f"{name}." for name in names))}
    if f"{names[1]}.initial_conv.weight" not in own:
        raise CheckpointError(
            "was written by stylegan2-pytorch before version 0.20, whose networks were others",
            fix="use the version that trained it",
        )
    weights, rate = Weights(own), _RATE.read(config)
    mapping = _mapping(weights.under(names[0]), float(rate.value))
    z_dim, w_dim = mapping.layers[0].in_features, mapping.layers[-1].out_features
    blocks = sum(key.startswith(f"{names[1]}.blocks.") and key.endswith(".conv1.weight") for key in own)
    with rebuilding("a StyleGAN2 of lucidrains", own):
        synthesis = _Synthesis(weights.under(names[1]), int(w_dim), blocks)  # type: ignore[arg-type]
    weights.finish()
    size = 4 << (blocks - 1)
    noise = torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(0))
    return Network(
        kind="generator",
        module=eval_mode(WSpaceGenerator(mapping, synthesis, estimated_centre(mapping, int(z_dim)))),  # type: ignore[arg-type]
        inputs=(
            *w_inputs(int(z_dim), 0, blocks, int(w_dim)),  # type: ignore[arg-type]
            GraphInput("noise_0", ("rows", 1, size, size), noise),
            GraphInput("noise_strength", (), torch.tensor(1.0)),
        ),
        outputs=("image", "w"),
        facts={
            "z_dim": z_dim,
            "w_dim": w_dim,
            "num_ws": blocks,
            "channels": picture_channels(synthesis.channels),
            "width": size,
            "height": size,
        },
        inferred=(
            HyperParameter(name="networks", value=" and ".join(names), origin="tensor"),
            HyperParameter(name="resolution", value=f"{size} x {size}", origin="tensor"),
            HyperParameter(name="mapping layers", value=len(mapping.layers), origin="tensor"),
            rate,
            HyperParameter(name="truncation centre", value=f"the mean of {CENTRE_PASSES} draws", origin="default"),
            HyperParameter(name="noise maps", value="drawn once, evenly in 0..1", origin="default"),
            HyperParameter(name="smoothed doubling", value=synthesis.smooths, origin="tensor"),
            HyperParameter(name="attention in blocks", value=_attentive(own, names[1]), origin="tensor"),
        ),
    )


def _attentive(state: StateDict, name: str) -> str:
    found = {int(key.split(".")[2]) for key in state if key.startswith(f"{name}.attns.")}
    return ", ".join(str(index) for index in sorted(found)) or "none"


FAMILY = Family(
    id="stylegan2-lucidrains",
    title="StyleGAN2 generator (lucidrains)",
    kind="generator",
    licence=LICENCE,
    detect=lambda state: _names(state) is not None,
    rebuild=_rebuild,
    settings=(_RATE,),
    signature=("GE.initial_conv.weight", "GE.blocks.0.to_style1.weight", "SE.net.0.weight"),
)
