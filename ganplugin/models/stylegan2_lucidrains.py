"""StyleGAN2 (Karras et al. 2020) as in lucidrains' stylegan2-pytorch, and its discriminator, written from the shapes.

It differs from NVIDIA's: one noise picture for all layers, cut to each layer's size and turned over its diagonal;
bilinear doubling; styles around 1; z of length 1; pictures of 0..1. Mapping (``SE``) and synthesis (``GE``) are
averaged; files that lack them have ``S`` and ``G``.
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
from ganplugin.models.modulation import ModulatedConv
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.setting import Setting
from ganplugin.models.w_space import CENTRE_PASSES, Linear, MappingNetwork, WSpaceGenerator, estimated_centre, w_inputs
from ganplugin.models.weights import Weights

__all__ = ["FAMILIES", "FAMILY", "SCORER_FAMILY"]

_SLOPE: Final = 0.2
_LICENCE: Final = "The code is MIT; the rights in the weights are those of whoever trained them."
_RATE: Final = Setting("lr_mlp", "learning rate multiplier of the mapping", 0.1, least=1e-6, most=1.0)
_HALVING: Final = "blocks.0.downsample.1.weight"


class _Blur(nn.Module):
    """[1, 2, 1] both ways, edges mirrored."""

    weight: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([0.25, 0.5, 0.25])
        self.channels = channels
        self.pad = nn.ReflectionPad2d(1)
        self.register_buffer("weight", torch.outer(row, row)[None, None].repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [batch, channels, h, w], smoothed."""
        return F.conv2d(self.pad(x), self.weight, groups=self.channels)


def _check_filter(weights: Weights, key: str) -> None:
    """Refuse another filter than [1, 2, 1], which is what the networks are written with."""
    if weights.has(key) and weights.take(key, 3).tolist() != [1, 2, 1]:
        raise CheckpointError(f"blurs with another filter than [1, 2, 1] ({key})")


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


class _Block(nn.Module):
    """Two layers, and a picture that is added to the one so far. Between blocks both are doubled."""

    weight: Tensor

    def __init__(self, weights: Weights, w_dim: int, before: int) -> None:
        super().__init__()
        self.first = _Layer(weights, 1, w_dim, before)
        self.second = _Layer(weights, 2, w_dim, self.first.width)
        self.width, picture = self.second.width, weights.under("to_rgb")
        self.affine = _styled(picture.under("to_style"), w_dim, self.width)
        self.register_buffer("weight", picture.take("conv.weight", None, self.width, 1, 1), persistent=False)
        _check_filter(picture, "upsample.1.f")

    def forward(self, x: Tensor, picture: Tensor | None, w: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features and the picture so far."""
        x = self.second(self.first(x, w, noise), w, noise)
        added = F.conv2d(x * self.affine(w)[:, :, None, None], self.weight)
        return x, added if picture is None else picture + added


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
        for index in range(blocks):
            found.append(_Block(weights.under(f"blocks.{index}"), w_dim, found[-1].width if found else width))
        self.blocks = nn.ModuleList(found)
        self.channels = found[-1].weight.shape[0]
        self.blur = _Blur(self.channels)

    def forward(self, w: Tensor, noise: Tensor, strength: Tensor) -> Tensor:
        """Return pictures [batch, channels, size, size]."""
        turned = (noise * strength).transpose(2, 3)
        start = self.base if self.is_constant else torch.einsum("bw,wchv->bchv", w.mean(dim=1), self.base)
        x = F.conv2d(start, self.weight, self.bias, padding=1)
        x, picture = self.blocks[0](x, None, w[:, 0], turned)
        for index, block in enumerate(self.blocks[1:], start=1):
            x, picture = block(_doubled(x), self.blur(_doubled(picture)), w[:, index], turned)
        pictures: Tensor = picture * 2 - 1
        return pictures


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


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


def _names(state: StateDict) -> tuple[str, str] | None:
    """Return what mapping and synthesis are called in a file: averaged or not."""
    for mapping, synthesis in (("SE", "GE"), ("S", "G")):
        wanted = (
            f"{mapping}.net.0.weight",
            f"{synthesis}.initial_conv.weight",
            f"{synthesis}.blocks.0.to_style1.weight",
        )
        if all(key in state for key in wanted):
            return mapping, synthesis
    return None


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    names = _names(state)
    if names is None:
        raise CheckpointError("is no StyleGAN2 of lucidrains")
    own = {key: value for key, value in state.items() if key.startswith(tuple(f"{name}." for name in names))}
    if any(".attns." in key for key in own):
        raise CheckpointError("has attention layers, which are not supported", fix="train without --attn-layers")
    weights, rate = Weights(own), _RATE.read(config)
    mapping = _mapping(weights.under(names[0]), float(rate.value))
    z_dim, w_dim = mapping.layers[0].in_features, mapping.layers[-1].out_features
    blocks = sum(key.startswith(f"{names[1]}.blocks.") and key.endswith(".conv1.weight") for key in own)
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
        ),
    )


class _Halving(nn.Module):
    """Two convolutions and, but in the last block, a blurred halving; a 1 x 1 convolution goes past them."""

    def __init__(self, weights: Weights, before: int) -> None:
        super().__init__()
        self.halves = weights.has("downsample.1.weight")
        self.first = _conv(weights.under("net.0"), before, 3)
        self.width = self.first.out_channels
        self.second = _conv(weights.under("net.2"), self.width, 3)
        self.past = _conv(weights.under("conv_res"), before, 1, 2 if self.halves else 1)
        _check_filter(weights, "downsample.0.f")
        down = [_Blur(self.width), _conv(weights.under("downsample.1"), self.width, 3, 2)] if self.halves else []
        self.down = nn.Sequential(*down)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of half the sides, or of the same in the last block."""
        y = F.leaky_relu(self.second(F.leaky_relu(self.first(x), _SLOPE)), _SLOPE)
        return (self.down(y) + self.past(x)) * math.sqrt(0.5)  # type: ignore[no-any-return]


class _Discriminator(nn.Module):
    """Pictures 0..1 to one score each: training drives real pictures down, so the logit is negated."""

    def __init__(self, weights: Weights, blocks: int, channels: int) -> None:
        super().__init__()
        found: list[_Halving] = []
        for index in range(blocks):
            found.append(_Halving(weights.under(f"blocks.{index}"), found[-1].width if found else channels))
        width = found[-1].width
        self.body = nn.Sequential(*found, _conv(weights.under("final_conv"), width, 3), nn.Flatten())
        self.last = nn.Linear(4 * width, 1)
        self.last.weight = nn.Parameter(-weights.take("to_logit.weight", 1, 4 * width))
        self.last.bias = nn.Parameter(-weights.take("to_logit.bias", 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return the score [batch]; high means real."""
        scores: Tensor = self.last(self.body(image))
        return scores.flatten()


def _conv(weights: Weights, before: int, side: int, stride: int = 1) -> nn.Conv2d:
    weight = weights.take("weight", None, before, side, side)
    layer = nn.Conv2d(before, weight.shape[0], side, stride, side // 2)
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(weights.take("bias", weight.shape[0]))
    return layer


def _is_scorer(state: StateDict) -> bool:
    return all(key in state for key in ("blocks.0.conv_res.weight", _HALVING, "final_conv.weight", "to_logit.weight"))


def _rebuild_scorer(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _is_scorer(state):
        raise CheckpointError("is no StyleGAN2 discriminator of lucidrains")
    weights = Weights(state)
    blocks = sum(key.endswith(".conv_res.weight") for key in state)
    halvings = sum(key.endswith(".downsample.1.weight") for key in state)
    channels = weights.take("blocks.0.net.0.weight", None, None, 3, 3).shape[1]
    with rebuilding("a StyleGAN2 discriminator of lucidrains", state):
        module = _Discriminator(weights, blocks, channels)
    weights.finish()
    size = 2 << halvings
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, size, size)),),
        outputs=("score",),
        facts={"channels": picture_channels(channels), "width": size, "height": size},
        inferred=(
            HyperParameter(name="resolution", value=f"{size} x {size}", origin="tensor"),
            HyperParameter(name="score", value="the negated logit, high means real", origin="default"),
        ),
    )


FAMILY = Family(
    id="stylegan2-lucidrains",
    title="StyleGAN2 generator (lucidrains)",
    kind="generator",
    licence=_LICENCE,
    detect=lambda state: _names(state) is not None,
    rebuild=_rebuild,
    settings=(_RATE,),
)

SCORER_FAMILY = Family(
    id="stylegan2-lucidrains-scorer",
    title="StyleGAN2 discriminator (lucidrains)",
    kind="scorer",
    licence=_LICENCE,
    detect=_is_scorer,
    rebuild=_rebuild_scorer,
)

FAMILIES = (FAMILY, SCORER_FAMILY)
