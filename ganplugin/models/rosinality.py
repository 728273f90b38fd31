"""StyleGAN2 (Karras et al. 2020) in the layout of the PyTorch code that most forks descend from.

Training checkpoints, converted ones, few-shot and text-guided forks, the decoders of pSp and e4e, and BasicSR's
generators: `rosinality_keys` knows the names. Resolution, widths, latent size and depth are read from the tensors. The
same code also trains SWAGAN, whose pictures are made of wavelets: they are drawn at half the size.
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
from ganplugin.models.fir import FirUp, fir_kernel
from ganplugin.models.haar import FromWavelets, ToWavelets, has_wavelets
from ganplugin.models.modulation import ModulatedConv, ModulatedUpConv
from ganplugin.models.network import BESIDE, Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels
from ganplugin.models.rosinality_keys import KERNEL, canonical, is_basicsr
from ganplugin.models.setting import Setting
from ganplugin.models.w_space import CENTRE_PASSES, Linear, MappingNetwork, WSpaceGenerator, estimated_centre, w_inputs
from ganplugin.models.weights import Weights

__all__ = ["FAMILY", "LICENCE"]

_SLOPE: Final = 0.2
_GAIN: Final = math.sqrt(2)
_SIGNATURE: Final = (
    "input.input",
    "style.1.weight",
    "conv1.conv.weight",
    "conv1.conv.modulation.weight",
    "conv1.activate.bias",
    "to_rgb1.bias",
)

LICENCE: Final = (
    "The code is MIT (BasicSR: Apache-2.0); weights converted from NVIDIA's are for non-commercial use, others "
    "follow their makers' terms."
)

_RATE: Final = Setting("lr_mlp", "learning rate multiplier of the mapping", 0.01, least=1e-6, most=1.0)
"""Equalised learning rate hides this factor: stored mapping weights are 1 / multiplier times what is applied."""


class _Affine(nn.Linear):
    """w to the style of a layer: a linear layer with equalised learning rate."""

    def __init__(self, weights: Weights, w_dim: int, width: int) -> None:
        weight = weights.take("weight", width, w_dim)
        super().__init__(w_dim, width)
        self.weight = nn.Parameter(weight / math.sqrt(w_dim))
        self.bias = nn.Parameter(weights.take("bias", width))


class _StyledConv(nn.Module):
    """Modulated convolution, noise, bias, leaky ReLU with gain sqrt(2); the gain is multiplied in before.

    With ``taps``, the length of the filter, it doubles the sides.
    """

    strength: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, w_dim: int, taps: int | None = None) -> None:
        super().__init__()
        conv = weights.under("conv")
        weight = _equalised(conv.take("weight", 1, None, None, 3, 3)[0])
        self.affine = _Affine(conv.under("modulation"), w_dim, weight.shape[1])
        self.conv = (
            ModulatedConv(weight, gain=_GAIN)
            if taps is None
            else ModulatedUpConv(weight, _kernel(conv.under("blur"), taps), gain=_GAIN)
        )
        bias = weights.take("activate.bias", weight.shape[0])
        self.register_buffer("bias", _GAIN * bias[:, None, None], persistent=False)
        self.register_buffer("strength", _GAIN * weights.take("noise.weight", 1), persistent=False)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """Return features of x [batch or 1, in, h, w], w [batch, w_dim] and noise [rows, 1, h, w]."""
        y = self.conv(x, self.affine(w)) + noise * self.strength + self.bias
        return F.leaky_relu(y, _SLOPE)


class _ToRgb(nn.Module):
    """Features to a picture (or its wavelets), added to the doubled picture of the scale below."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, w_dim: int, *, doubles: bool) -> None:
        super().__init__()
        conv = weights.under("conv")
        weight = _equalised(conv.take("weight", 1, None, None, 1, 1)[0])
        self.affine = _Affine(conv.under("modulation"), w_dim, weight.shape[1])
        self.up = _doubling(weights, weight.shape[0]) if doubles else None
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", weights.take("bias", 1, weight.shape[0], 1, 1).flatten(), persistent=False)

    def forward(self, x: Tensor, w: Tensor, below: Tensor | None) -> Tensor:
        """Return the picture so far."""
        picture = F.conv2d(x * self.affine(w)[:, :, None, None], self.weight, self.bias)
        return picture if below is None or self.up is None else self.up(below) + picture


def _doubling(weights: Weights, channels: int) -> nn.Module:
    kernel = _kernel(weights.under("upsample"))
    if not has_wavelets(weights):
        return FirUp(kernel, channels)
    pictures = _pictures(channels)
    return nn.Sequential(
        FromWavelets(weights.under("iwt"), pictures),
        FirUp(kernel, pictures),
        ToWavelets(weights.under("dwt"), pictures),
    )


def _pictures(channels: int) -> int:
    """Of how many channels a picture is whose four bands have so many together."""
    if channels % 4:
        raise CheckpointError(f"makes wavelets of {channels} channels, which are no four bands")
    return channels // 4


class _Synthesis(nn.Module):
    """w [batch, num_ws, w_dim], one noise map a layer and their strength [] to pictures -1..1, unclamped."""

    base: Tensor

    def __init__(self, weights: Weights, w_dim: int, doublings: int) -> None:
        super().__init__()
        self.register_buffer("base", weights.take("input.input", 1, None, None, None), persistent=False)
        taps = (_taps(weights), None)
        rest = [_StyledConv(weights.under(f"convs.{i}"), w_dim, taps[i % 2]) for i in range(2 * doublings)]
        self.layers = nn.ModuleList([_StyledConv(weights.under("conv1"), w_dim), *rest])
        pictures = [_ToRgb(weights.under(f"to_rgbs.{i}"), w_dim, doubles=True) for i in range(doublings)]
        first = _ToRgb(weights.under("to_rgb1"), w_dim, doubles=False)
        self.pictures = nn.ModuleList([first, *pictures])
        self.channels, self.scale = len(first.weight), 1 << doublings
        self.shown: nn.Module = nn.Identity()
        if has_wavelets(weights):
            self.channels, self.scale = _pictures(self.channels), 2 << doublings
            self.shown = FromWavelets(weights.under("iwt"), self.channels)

    def forward(self, w: Tensor, *noise: Tensor) -> Tensor:
        """Return pictures [batch, channels, height, width]."""
        x, picture = self.base, None
        for index, (layer, noise_map) in enumerate(zip(self.layers, noise[:-1], strict=True)):
            x = layer(x, w[:, index], noise_map * noise[-1])
            if index % 2 == 0:
                # A picture shares its w with the layer that follows.
                picture = self.pictures[index // 2](x, w[:, index + 1], picture)
        return self.shown(picture)  # type: ignore[no-any-return]


def _equalised(weight: Tensor) -> Tensor:
    return weight / math.sqrt(weight[0].numel())


def _kernel(weights: Weights, taps: int = len(KERNEL)) -> Tensor:
    return weights.take("kernel", taps, taps) if weights.has("kernel") else 4 * fir_kernel(KERNEL)


def _taps(weights: Weights) -> int:
    """How long the filter of the doubling layers is. That of the pictures is always the common one."""
    blur = weights.under("convs.0.conv.blur")
    return len(blur.take("kernel", None, None)) if blur.has("kernel") else len(KERNEL)


def _detect(state: StateDict) -> bool:
    names = canonical(state)
    return all(key in names for key in _SIGNATURE) and names["conv1.conv.weight"].ndim == 5


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _detect(state):
        raise CheckpointError("is no StyleGAN2 generator in this layout")
    names = canonical(state)
    weights = Weights(names)
    rate = _RATE.read(config)
    mapping, z_dim, w_dim = _mapping(weights, float(rate.value))
    doublings = sum(key.endswith(".activate.bias") and key.startswith("convs.") for key in names) // 2
    synthesis = _Synthesis(weights, w_dim, doublings)
    noise, noise_origin = _noise(weights, synthesis, doublings)
    weights.finish()
    num_ws = len(synthesis.layers) + 1
    stored, centre_fact = _stored_centre(config, w_dim, num_ws)
    centre = estimated_centre(mapping, z_dim) if stored is None else stored
    height, width = (int(side) * synthesis.scale for side in synthesis.base.shape[2:])
    return Network(
        kind="generator",
        module=eval_mode(WSpaceGenerator(mapping, synthesis, centre)),
        inputs=(*w_inputs(z_dim, 0, num_ws, w_dim), *noise),
        outputs=("image", "w"),
        facts={
            "z_dim": z_dim,
            "w_dim": w_dim,
            "num_ws": num_ws,
            "channels": picture_channels(synthesis.channels),
            "width": width,
            "height": height,
        },
        inferred=(
            HyperParameter(name="names", value="BasicSR" if is_basicsr(state) else "rosinality", origin="tensor"),
            HyperParameter(name="resolution", value=f"{width} x {height}", origin="tensor"),
            HyperParameter(name="wavelets (SWAGAN)", value=has_wavelets(weights), origin="tensor"),
            HyperParameter(name="mapping layers", value=len(mapping.layers), origin="tensor"),
            rate,
            centre_fact,
            noise_origin,
        ),
    )


def _mapping(weights: Weights, rate: float) -> tuple[MappingNetwork, int, int]:
    """Return the mapping, and the lengths of z and w."""
    style = weights.under("style")
    layers: list[Linear] = []
    while style.has(f"{len(layers) + 1}.weight"):
        layer = style.under(str(len(layers) + 1))
        weight = layer.take("weight", None, layers[-1][0].shape[0] if layers else None)
        layers.append((weight * (rate / math.sqrt(weight.shape[1])), layer.take("bias", weight.shape[0]) * rate))
    return MappingNetwork(layers, slope=_SLOPE), layers[0][0].shape[1], layers[-1][0].shape[0]


def _noise(weights: Weights, synthesis: _Synthesis, doublings: int) -> tuple[tuple[GraphInput, ...], HyperParameter]:
    """The stored noise maps become inputs with these defaults; early versions stored none."""
    height, width = (int(side) for side in synthesis.base.shape[2:])
    generator = torch.Generator().manual_seed(0)
    stored = weights.has("noises.noise_0")
    found = []
    for index in range(2 * doublings + 1):
        size = (1, 1, height << (index + 1) // 2, width << (index + 1) // 2)
        value = weights.take(f"noises.noise_{index}", *size) if stored else torch.randn(size, generator=generator)
        found.append(GraphInput(f"noise_{index}", ("rows", *size[1:]), value.clone()))
    fact = HyperParameter(
        name="noise maps", value=len(found) if stored else "drawn once", origin="tensor" if stored else "default"
    )
    return (*found, GraphInput("noise_strength", (), torch.tensor(1.0))), fact


def _stored_centre(config: Mapping[str, object], w_dim: int, num_ws: int) -> tuple[Tensor | None, HyperParameter]:
    """Return where truncation leads to, if it is stored beside the weights: [w_dim], or one for each layer."""
    beside = config.get(BESIDE)
    stored = beside.get("latent_avg") if isinstance(beside, Mapping) else None
    name = "truncation centre"
    if isinstance(stored, Tensor) and stored.shape[-1:] == (w_dim,) and stored.numel() in (w_dim, num_ws * w_dim):
        centre = stored.detach().float().reshape(-1, w_dim)
        is_one = bool((centre == centre[:1]).all())
        return centre[0] if is_one else centre, HyperParameter(name=name, value="latent_avg", origin="tensor")
    return None, HyperParameter(name=name, value=f"the mean of {CENTRE_PASSES} draws", origin="default")


FAMILY = Family(
    id="stylegan2-rosinality",
    title="StyleGAN2 generator (rosinality, BasicSR, pSp)",
    kind="generator",
    licence=LICENCE,
    detect=_detect,
    rebuild=_rebuild,
    settings=(_RATE,),
    signature=("input.input", "style.1.weight", "conv1.conv.modulation.weight", "to_rgb1.bias"),
)
