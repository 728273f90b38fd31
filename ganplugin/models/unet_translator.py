"""The U-Net generator of pix2pix (Isola et al. 2017): nested levels, each with a way around what lies inside it.

Level by level the keys nest: ``model.model.1.model.3.model. ...``. Depth, widths and normalisation are read from the
tensors. Dropout, which pix2pix leaves on even when it draws, is off: the same photo gives the same picture.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family, Network, StateDict
from ganplugin.models.setting import Setting
from ganplugin.models.translation import (
    BATCH_NORM,
    conv_shape,
    load_strictly,
    norm_at,
    norm_fact,
    translator_network,
)

__all__ = ["FAMILY", "PADDING", "EdgedTranspose", "UnetLevel"]

_SLOPE: Final = 0.2
_DEEPEST: Final = 12
PADDING: Final = Setting(name="padding", title="padding", default="zero", choices=("zero", "replicate"))
"""What convolutions see beyond the border. pix2pix sees zeros, which can be seen in its pictures as a rim of another
colour; ``replicate`` repeats the border's values."""

_PAD_MODES: Final[Mapping[str, Literal["zeros", "replicate"]]] = {"zero": "zeros", "replicate": "replicate"}
_NESTED: Final = re.compile(r"^model\.model(\.1\.model(\.3\.model)*)?\.(\d+)\.(\w+)$")


class UnetLevel(nn.Module):
    """One level: down, what lies inside, up; the outermost returns that alone, the others their input beside it."""

    def __init__(self, layers: Mapping[int, nn.Module], *, outermost: bool) -> None:
        super().__init__()
        self.model = nn.Sequential(OrderedDict((str(place), layers[place]) for place in sorted(layers)))
        self.outermost = outermost

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layers make of a map, below the outermost level with the map itself before it."""
        inner: Tensor = self.model(x)
        return inner if self.outermost else torch.cat([x, inner], dim=1)

    @property
    def inner(self) -> UnetLevel | None:
        """The level inside this one, if it is not the deepest."""
        return next((layer for layer in self.model if isinstance(layer, UnetLevel)), None)

    def down(self, x: Tensor) -> Tensor:
        """Return what the level inside is given."""
        for layer in takewhile(lambda layer: not isinstance(layer, UnetLevel), self.model):
            x = layer(x)
        return x


class _Generator(nn.Module):
    def __init__(self, outermost: UnetLevel) -> None:
        super().__init__()
        self.model = outermost

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]


def _prefix(level: int) -> str:
    return "model.model" + "".join(".1.model" if index == 0 else ".3.model" for index in range(level))


def _depth(state: StateDict) -> int:
    """Return the number of levels, which is how often the picture is halved; 0 if the keys are not a U-Net's."""
    depth = 0
    while depth < _DEEPEST and f"{_prefix(depth)}.{0 if depth == 0 else 1}.weight" in state:
        depth += 1
    return depth


def _is_unet(state: StateDict) -> bool:
    first, last = state.get("model.model.0.weight"), state.get("model.model.3.weight")
    if first is None or last is None or not all(_NESTED.match(key) for key in state):
        return False
    return first.ndim == last.ndim == 4 and first.shape[2:] == last.shape[2:] == (4, 4) and _depth(state) >= 2


class EdgedTranspose(nn.ConvTranspose2d):
    """Doubles a map by 4 x 4 with the border's values repeated beyond it, where the plain layer has zeros."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the map twice as large."""
        made: Tensor = super().forward(F.pad(x, (1, 1, 1, 1), mode="replicate"))
        return made[:, :, 2:-2, 2:-2]


def _down(state: StateDict, name: str, *, bias: bool, padding: str) -> nn.Conv2d:
    after, before, kernel = conv_shape(state, name)
    return nn.Conv2d(before, after, kernel, 2, 1, bias=bias, padding_mode=_PAD_MODES[padding])


def _up(state: StateDict, name: str, *, bias: bool, padding: str) -> nn.ConvTranspose2d:
    before, after, kernel = conv_shape(state, name)
    kind = nn.ConvTranspose2d if padding == "zero" else EdgedTranspose
    return kind(before, after, kernel, 2, 1, bias=bias)


@dataclass(frozen=True)
class _Plan:
    """How many levels there are, how batch norm acts, and what lies beyond the border."""

    depth: int
    norm: str
    padding: str


def _levels(state: StateDict, level: int, plan: _Plan) -> UnetLevel:
    """Return the empty ``level`` and all inside it. All convolutions have a bias, or only the one that ends the net."""
    name, padding = _prefix(level), plan.padding
    bias = "model.model.0.bias" in state

    def norm(place: int, channels: int) -> nn.Module:
        return norm_at(state, f"{name}.{place}", channels, bias=bias, mode=plan.norm)

    if level == 0:
        inner = _levels(state, 1, plan)
        up = _up(state, f"{name}.3", bias=True, padding=padding)
        down = _down(state, f"{name}.0", bias=bias, padding=padding)
        return UnetLevel({0: down, 1: inner, 2: nn.ReLU(), 3: up, 4: nn.Tanh()}, outermost=True)
    down = _down(state, f"{name}.1", bias=bias, padding=padding)
    layers: dict[int, nn.Module] = {0: nn.LeakyReLU(_SLOPE), 1: down}
    if level < plan.depth - 1:
        layers |= {2: norm(2, down.out_channels), 3: _levels(state, level + 1, plan)}
    place = 5 if level < plan.depth - 1 else 3
    up = _up(state, f"{name}.{place}", bias=bias, padding=padding)
    layers |= {place - 1: nn.ReLU(), place: up, place + 1: norm(place + 1, up.out_channels)}
    return UnetLevel(layers, outermost=False)


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _is_unet(state):
        raise CheckpointError("is no pix2pix U-Net")
    depth, padding = _depth(state), PADDING.read(config)
    plan = _Plan(depth, str(BATCH_NORM.read(config).value), str(padding.value))
    module = _Generator(_levels(state, 0, plan))
    load_strictly(module, state, "a pix2pix U-Net")
    channels = state["model.model.0.weight"].shape[1], state["model.model.3.weight"].shape[1]
    inferred = (
        HyperParameter(name="width", value=state["model.model.0.weight"].shape[0], origin="tensor"),
        HyperParameter(name="halvings", value=depth, origin="tensor"),
        norm_fact(state, config),
        padding,
        HyperParameter(name="dropout", value="off", origin="default"),
        HyperParameter(name="last activation", value="tanh", origin="default"),
    )
    facts = {"size_multiple": 2**depth, "minimum_size": 2**depth}
    return translator_network(module, channels, facts, inferred)


FAMILY = Family(
    id="pix2pix-unet",
    title="pix2pix U-Net generator",
    kind="style",
    licence="The rights in the weights are those of whoever trained them; pix2pix's code is BSD.",
    detect=_is_unet,
    rebuild=_rebuild,
    settings=(BATCH_NORM, PADDING),
    signature=(
        "model.model.0.weight",
        "model.model.1.model.1.weight",
        "model.model.1.model.3.model.1.weight",
        "model.model.3.weight",
    ),
)
