"""AnimeGANv2 (Chen et al. 2020) in the layout of its PyTorch port: photos to anime, such as ``face_paint_512_v2.pt``.

Five chains ``block_a`` to ``block_e`` of padded convolutions with layer normalisation, inverted residual blocks
(Sandler et al. 2018) in the middle, two bilinear enlargements. Widths and lengths are read from the tensors. With
aligned corners the picture comes back at the very size it had, otherwise its sides must be multiples of 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family, Network, StateDict
from ganplugin.models.setting import Setting
from ganplugin.models.translation import conv_shape, load_strictly, translator_network

__all__ = ["FAMILY"]

_ALIGN: Final = Setting(name="align_corners", title="enlarging aligns corners", default=True)
_SLOPE: Final = 0.2
_MULTIPLE: Final = 4
_BLOCKS: Final = ("block_a", "block_b", "block_c", "block_d", "block_e")
_HALVINGS: Final = ("block_a.1", "block_b.0")
_SIGNATURE: Final = ("block_a.0.1.weight", "block_c.1.layers.0.1.weight", "block_e.0.1.weight", "out_layer.0.weight")
_LICENCE: Final = (
    "AnimeGANv2's own weights are for academic research and non-commercial use unless its authors agree to more."
)


class _Inverted(nn.Module):
    """Widen, filter each channel by itself, narrow; the input is carried around where the width stays."""

    def __init__(self, layers: nn.Sequential, *, carries: bool) -> None:
        super().__init__()
        self.layers = layers
        self.carries = carries

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.layers(x)
        return x + inner if self.carries else inner


class _AnimeGenerator(nn.Module):
    def __init__(self, blocks: Mapping[str, nn.Sequential], out_layer: nn.Sequential, *, align_corners: bool) -> None:
        super().__init__()
        self.block_a, self.block_b, self.block_c, self.block_d, self.block_e = (blocks[name] for name in _BLOCKS)
        self.out_layer = out_layer
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        half: Tensor = self.block_a(x)
        y = self.block_c(self.block_b(half))
        y = self.block_d(self._enlarged(y, half))
        y = self.block_e(self._enlarged(y, x))
        return self.out_layer(y)  # type: ignore[no-any-return]

    def _enlarged(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=self.align_corners)


def _conv(state: StateDict, name: str, *, stride: int = 1) -> nn.Conv2d:
    """Return an empty convolution; one of each channel by itself has a bias, the others have none."""
    after, before, kernel = conv_shape(state, name)
    alone = before == 1
    return nn.Conv2d(after if alone else before, after, kernel, stride, groups=after if alone else 1, bias=alone)


def _unit(state: StateDict, name: str) -> nn.Sequential:
    """Padding, convolution, normalisation over all channels and pixels, leaky ReLU; a halving pads below and right."""
    halves = name in _HALVINGS
    conv = _conv(state, f"{name}.1", stride=2 if halves else 1)
    side = conv.kernel_size[0] // 2
    pad = nn.ReflectionPad2d((0, side, 0, side) if halves else side)
    return nn.Sequential(pad, conv, nn.GroupNorm(1, conv.out_channels), nn.LeakyReLU(_SLOPE))


def _inverted(state: StateDict, name: str) -> _Inverted:
    places = _places(state, f"{name}.layers")
    units = [_unit(state, f"{name}.layers.{place}") for place in range(len(places) - 2)]
    last = _conv(state, f"{name}.layers.{len(places) - 2}")
    before = conv_shape(state, f"{name}.layers.0.1")[1]
    layers = nn.Sequential(*units, last, nn.GroupNorm(1, last.out_channels))
    return _Inverted(layers, carries=before == last.out_channels)


def _places(state: StateDict, name: str) -> list[int]:
    pattern = re.compile(rf"^{re.escape(name)}\.(\d+)\.")
    return sorted({int(match[1]) for key in state if (match := pattern.match(key))})


def _block(state: StateDict, name: str) -> nn.Sequential:
    inverted = {place for place in _places(state, name) if f"{name}.{place}.layers.0.1.weight" in state}
    makers = {place: _inverted if place in inverted else _unit for place in _places(state, name)}
    return nn.Sequential(*(maker(state, f"{name}.{place}") for place, maker in makers.items()))


def _detect(state: StateDict) -> bool:
    return all(key in state and state[key].ndim == 4 for key in _SIGNATURE)


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _detect(state):
        raise CheckpointError("is no AnimeGANv2 generator")
    align = _ALIGN.read(config)
    blocks = {name: _block(state, name) for name in _BLOCKS}
    out_layer = nn.Sequential(_conv(state, "out_layer.0"), nn.Tanh())
    module = _AnimeGenerator(blocks, out_layer, align_corners=bool(align.value))
    load_strictly(module, state, "an AnimeGANv2 generator")
    channels = state["block_a.0.1.weight"].shape[1], state["out_layer.0.weight"].shape[0]
    inferred = (
        HyperParameter(name="width", value=state["block_a.0.1.weight"].shape[0], origin="tensor"),
        HyperParameter(name="middle layers", value=len(blocks["block_c"]), origin="tensor"),
        align,
        HyperParameter(name="leaky slope", value=_SLOPE, origin="default"),
    )
    facts = {"size_multiple": 1 if align.value else _MULTIPLE, "minimum_size": 4 * _MULTIPLE}
    return translator_network(module, channels, facts, inferred)


FAMILY = Family(
    id="animegan2",
    title="AnimeGANv2 generator",
    kind="style",
    licence=_LICENCE,
    detect=_detect,
    rebuild=_rebuild,
    settings=(_ALIGN,),
    signature=("block_a.0.1.weight", "block_c.1.layers.0.1.weight", "out_layer.0.weight"),
)
