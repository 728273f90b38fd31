"""ResNet generators of picture-to-picture GANs: CycleGAN and pix2pix, CUT and FastCUT, pix2pixHD (global).

Johnson et al. 2016 with reflection padding, as Zhu et al. 2017 (CycleGAN), Park et al. 2020 (CUT: anti-aliased
resampling) and Wang et al. 2018 (pix2pixHD: more halvings) use it. All are one chain ``model.<i>``: convolution,
halvings, residual blocks, doublings, convolution, tanh. Numbers, widths and variants are read from the tensors.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.blur import BlurDown, BlurUp
from ganplugin.models.network import Family, Network, StateDict
from ganplugin.models.spectral_norm import folded, folded_names
from ganplugin.models.translation import (
    BATCH_NORM,
    PADDING,
    PADS,
    conv_shape,
    load_strictly,
    norm_at,
    norm_fact,
    translator_network,
)

__all__ = [
    "FAMILIES",
    "HD_LICENCE",
    "ResidualBlock",
    "conv_at",
    "renamed_blocks",
    "residual_block",
    "sequence",
]

_CONV: Final = re.compile(r"^model\.(\d+)\.weight$")
_FILTER: Final = re.compile(r"^model\.(\d+)\.filt$")
_BLOCK: Final = re.compile(r"^model\.(\d+)\.[a-zA-Z_]+\.\d+\.")
_BLOCK_NAME: Final = re.compile(r"^(\w+\.\d+)\.[a-zA-Z_]+\.(\d+\.\w+)$")
_LICENCE: Final = "The rights in the weights are those of whoever trained them; CycleGAN's and CUT's code is BSD."
HD_LICENCE: Final = "NVIDIA's own pix2pixHD weights are for non-commercial use; others are their trainer's."


class ResidualBlock(nn.Module):
    """Two padded convolutions with normalisation around which the input is carried."""

    def __init__(self, block: nn.Sequential) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """Return the input plus what the block makes of it."""
        carried: Tensor = x + self.block(x)
        return carried


class _Generator(nn.Module):
    def __init__(self, model: nn.Sequential) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Chain:
    """Where what stands in ``model.<i>``. ``gap`` is the distance from the last block, or doubling, to a convolution.

    1: transposed convolutions; 2: enlarging, then convolution; 3: enlarging, reflection padding, convolution.
    """

    downs: tuple[int, ...]
    blocks: tuple[int, ...]
    ups: tuple[int, ...]
    last: int
    gap: int
    blurred_down: bool
    blurred_up: bool


def _chain_of(state: StateDict) -> _Chain | None:
    """Return the layout of a ResNet generator, or None if the tensors are not laid out as one."""
    state = folded_names(state)
    convs = {int(m[1]): tensor for key, tensor in state.items() if (m := _CONV.match(key)) and tensor.ndim == 4}
    filters = {int(m[1]) for key, tensor in state.items() if (m := _FILTER.match(key)) and tensor.ndim == 4}
    blocks = sorted({int(m[1]) for key in state if (m := _BLOCK.match(key))})
    if 1 not in convs or not blocks or max(convs) <= blocks[-1]:
        return None
    last = max(convs)
    downs = tuple(sorted(i for i in convs if 1 < i < blocks[0]))
    ups = tuple(sorted(i for i in convs if blocks[-1] < i < last))
    gap = ups[0] - blocks[-1] if ups else 0
    blurred_down = any(i < blocks[0] for i in filters)
    chain = _Chain(downs, tuple(blocks), ups, last, gap, blurred_down, any(i > blocks[-1] for i in filters))
    outer = convs[1].shape[2] == convs[last].shape[2] and convs[1].shape[2] % 2 == 1
    return chain if outer and _is_regular(chain, filters) else None


def _is_regular(chain: _Chain, filters: set[int]) -> bool:
    """Tell whether the convolutions stand where those of a chain without gaps must stand."""
    n, step = len(chain.downs), 4 if chain.blurred_down else 3
    first = 4 + step * n
    end = chain.blocks[-1]
    down_filters = {i + 3 for i in chain.downs} if chain.blurred_down else set()
    up_filters = {i - 1 for i in chain.ups} if chain.blurred_up else set()
    return (
        n > 0
        and chain.gap in ((2,) if chain.blurred_up else (1, 2, 3))
        and chain.downs == tuple(range(4, first, step))
        and chain.blocks == tuple(range(first, end + 1))
        and chain.ups == tuple(end + chain.gap + i * (chain.gap + 2) for i in range(n))
        and chain.last == chain.ups[-1] + 4
        and filters == down_filters | up_filters
    )


def _is_encoder(state: StateDict) -> bool:
    """Tell whether this is such a chain without any residual block: halvings, as many doublings, nothing between."""
    convs = {int(m[1]): tensor for key, tensor in state.items() if (m := _CONV.match(key)) and tensor.ndim == 4}
    places, n = sorted(convs), (len(convs) - 2) // 2
    wanted = [1, *range(4, 4 + 6 * n, 3), 6 * n + 5]
    return n > 0 and places == wanted and all(convs[place].shape[2] == 7 for place in (1, places[-1]))


def renamed_blocks(state: StateDict) -> dict[str, Tensor]:
    """Return the tensors with every residual block's inner chain called ``block`` (``conv_block`` and others occur)."""
    return {_BLOCK_NAME.sub(r"\1.block.\2", key): tensor for key, tensor in state.items()}


def conv_at(state: StateDict, name: str, *, stride: int = 1, padding: int = 0, bias: bool) -> nn.Conv2d:
    """Return an empty convolution of the shape that the file has under ``name``. Raises as `conv_shape` does."""
    after, before, kernel = conv_shape(state, name)
    return nn.Conv2d(before, after, kernel, stride, padding, bias=bias)


def residual_block(
    state: StateDict, prefix: str, mode: str, *, bias: bool, pad: type[nn.Module] = nn.ReflectionPad2d
) -> ResidualBlock:
    """Return an empty block for the tensors under ``prefix`` (names as `renamed_blocks` gives them).

    Dropout moves the second convolution one place on and does nothing here. Raises `CheckpointError` for other layouts.
    """
    pattern = re.compile(rf"^{re.escape(prefix)}\.block\.(\d+)\.weight$")
    places = sorted(int(m[1]) for key, tensor in state.items() if (m := pattern.match(key)) and tensor.ndim == 4)
    if len(places) != 2 or places[0] > 1:
        raise CheckpointError(f"has a residual block of another layout at {prefix}")
    layers: dict[int, nn.Module] = {}
    padding = 1 - places[0]  # without a padding layer in front, the convolution pads with zeros itself
    for place in places:
        name = f"{prefix}.block.{place}"
        conv = conv_at(state, name, padding=padding, bias=bias)
        if padding == 0:
            layers[place - 1] = pad(conv.kernel_size[0] // 2)
        layers[place] = conv
        layers[place + 1] = norm_at(state, f"{prefix}.block.{place + 1}", conv.out_channels, bias=bias, mode=mode)
    layers[places[0] + 2] = nn.ReLU()
    return ResidualBlock(sequence(layers))


def sequence(layers: Mapping[int, nn.Module]) -> nn.Sequential:
    """Return the layers in the order of their places, each named by its place."""
    return nn.Sequential(OrderedDict((str(place), layers[place]) for place in sorted(layers)))


def _modules(state: StateDict, chain: _Chain, mode: str, pad: type[nn.Module]) -> dict[int, nn.Module]:
    """Return the empty layers of a generator by their place in ``model``. Raises `CheckpointError` as blocks do.

    All convolutions but the last have a bias, or none has.
    """
    bias = "model.1.bias" in state
    first, last = (conv_at(state, f"model.{place}", bias=bias or place > 1) for place in (1, chain.last))
    layers: dict[int, nn.Module] = {1: first, chain.last: last, chain.last + 1: nn.Tanh()}
    layers |= {place - 1: pad(first.kernel_size[0] // 2) for place in (1, chain.last)}
    for place in chain.downs:
        stride = 1 if chain.blurred_down else 2
        layers[place] = conv_at(state, f"model.{place}", stride=stride, padding=1, bias=bias)
        if chain.blurred_down:
            layers[place + 3] = _blur(BlurDown, state, place + 3)
    layers |= {place: residual_block(state, f"model.{place}", mode, bias=bias, pad=pad) for place in chain.blocks}
    for place in chain.ups:
        layers |= _doubling(state, chain, place, bias=bias)
    for place in (1, *chain.downs, *chain.ups):
        transposed = place in chain.ups and chain.gap == 1
        channels = conv_shape(state, f"model.{place}")[1 if transposed else 0]
        layers[place + 1] = norm_at(state, f"model.{place + 1}", channels, bias=bias, mode=mode)
        layers[place + 2] = nn.ReLU()
    return layers


def _blur(kind: type[BlurDown | BlurUp], state: StateDict, place: int) -> BlurDown | BlurUp:
    taps = state[f"model.{place}.filt"]
    return kind(taps.shape[0], taps.shape[3])


def _doubling(state: StateDict, chain: _Chain, place: int, *, bias: bool) -> dict[int, nn.Module]:
    name = f"model.{place}"
    if chain.gap == 1:
        before, after, kernel = conv_shape(state, name)
        spare = kernel % 2  # 3 x 3 leaves one row and column over, 4 x 4 none
        return {place: nn.ConvTranspose2d(before, after, kernel, 2, 1, output_padding=spare, bias=bias)}
    conv = conv_at(state, name, padding=0 if chain.gap == 3 else 1, bias=bias)
    if chain.blurred_up:
        return {place - 1: _blur(BlurUp, state, place - 1), place: conv}
    if chain.gap == 2:
        return {place - 1: nn.Upsample(scale_factor=2), place: conv}
    return {place - 2: nn.Upsample(scale_factor=2), place - 1: nn.ReflectionPad2d(1), place: conv}


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    chain = _chain_of(state)
    if chain is None and _is_encoder(state):
        raise CheckpointError(
            "is the encoder of features that pix2pixHD trains beside its generator (netE)",
            fix="export the generator: latest_net_G.pth",
        )
    if chain is None:
        raise CheckpointError("is no ResNet generator")
    mode, pad = str(BATCH_NORM.read(config).value), PADS[str(PADDING.read(config).value)]
    transposed = [f"model.{place}" for place in chain.ups] if chain.gap == 1 else []
    state = renamed_blocks(folded(state, transposed))
    module = _Generator(sequence(_modules(state, chain, mode, pad)))
    load_strictly(module, state, "a ResNet generator")
    multiple = 2 ** len(chain.downs)
    channels = state["model.1.weight"].shape[1], state[f"model.{chain.last}.weight"].shape[0]
    facts = {"size_multiple": multiple, "minimum_size": 2 * multiple}
    return translator_network(module, channels, facts, _inferred(state, chain, config))


def _inferred(state: StateDict, chain: _Chain, config: Mapping[str, object]) -> tuple[HyperParameter, ...]:
    ways = {1: "transposed convolution", 2: "nearest, then convolution", 3: "nearest, then padded convolution"}
    way = "blurred, then convolution" if chain.blurred_up else ways[chain.gap]
    return (
        HyperParameter(name="width", value=state["model.1.weight"].shape[0], origin="tensor"),
        HyperParameter(name="halvings", value=len(chain.downs), origin="tensor"),
        HyperParameter(name="residual blocks", value=len(chain.blocks), origin="tensor"),
        HyperParameter(name="doubling", value=way, origin="tensor"),
        norm_fact(state, config),
        PADDING.read(config),
        HyperParameter(name="last activation", value="tanh", origin="default"),
    )


def _variant(state: StateDict) -> str | None:
    chain = _chain_of(state)
    if chain is None:
        return None
    if chain.blurred_down or chain.blurred_up:
        return "cut-resnet"
    return "cyclegan-resnet" if len(chain.downs) <= 2 else "pix2pixhd-global"


FAMILY = Family(
    id="cyclegan-resnet",
    title="CycleGAN or pix2pix ResNet generator",
    kind="style",
    licence=_LICENCE,
    detect=lambda state: _variant(state) == "cyclegan-resnet",
    rebuild=_rebuild,
    settings=(BATCH_NORM, PADDING),
    signature=("model.1.weight", "model.4.weight", "model.*.conv_block.1.weight", "model.*.conv_block.5.*"),
)

CUT_FAMILY = Family(
    id="cut-resnet",
    title="CUT or FastCUT generator",
    kind="style",
    licence=_LICENCE,
    detect=lambda state: _variant(state) == "cut-resnet",
    rebuild=_rebuild,
    settings=(BATCH_NORM, PADDING),
)

GLOBAL_FAMILY = Family(
    id="pix2pixhd-global",
    title="pix2pixHD global generator",
    kind="style",
    licence=HD_LICENCE,
    detect=lambda state: _variant(state) == "pix2pixhd-global" or _is_encoder(state),
    rebuild=_rebuild,
    settings=(BATCH_NORM, PADDING),
)

FAMILIES = (FAMILY, CUT_FAMILY, GLOBAL_FAMILY)
