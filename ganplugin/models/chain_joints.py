"""What lies between the layers of a chain and is in no tensor: activations, doublings, norms without weights.

A pickled module says it. Else the numbers in names tell how many modules lie between two layers, and the common codes
what they are: after a layer its norm, then an activation; where the norm is some places off, the activation is before
it; in front of a plain convolution of a generator, one more is the doubling of the map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torch import nn

from ganplugin.errors import CheckpointError
from ganplugin.models.activations import CLASSES, Activation, said_activation
from ganplugin.models.layer_chain import Layer, Role
from ganplugin.models.module_words import Words, class_of

__all__ = ["Joint", "Manner", "joints_of", "magnified"]

_NORM_PLACES: Final = 2
_DOUBLINGS: Final = frozenset({"Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"})
_MODES: Final = ("nearest", "bilinear")
_FACTORS: Final = range(1, 17)


@dataclass(frozen=True)
class Joint:
    """The modules between a layer and its norm, and those after that, before the next layer."""

    early: tuple[nn.Module, ...] = ()
    late: tuple[nn.Module, ...] = ()


@dataclass(frozen=True)
class Manner:
    """What is usual in a chain where nothing is said of a place. ``doubling`` is the mode of doublings.

    ``projected`` tells whether an activation follows a projection (a linear layer before convolutions). ``doublings``
    are the factors in front of the convolutions, if they are given; ``insists`` puts the activation for others said.
    """

    role: Role
    activation: Activation
    doubling: str = "nearest"
    projected: bool = True
    doublings: tuple[int, ...] = ()
    insists: bool = False


def magnified(joint: Joint) -> int:
    """Return the factor by which the maps grow in a joint."""
    factor = 1
    for module in (*joint.early, *joint.late):
        if isinstance(module, nn.Upsample):
            factor *= int(float(str(module.scale_factor)))
    return factor


def joints_of(layers: tuple[Layer, ...], words: Words, manner: Manner) -> tuple[Joint, ...]:
    """Return a joint for each layer but the last. Raises `CheckpointError` for a module that is not known here."""
    return tuple(_joint(layers, index, words, manner) for index in range(len(layers) - 1))


def _joint(layers: tuple[Layer, ...], index: int, words: Words, manner: Manner) -> Joint:
    layer, following = layers[index], layers[index + 1]
    usual = _usual(layers, index, manner)
    last = layer.norm.name if layer.norm else layer.name
    late = words.between(last, following.name)
    early = words.between(layer.name, last) if layer.norm else () if late is not None else None
    return Joint(
        usual.early if early is None else tuple(_made(said, layer, manner) for said in early),
        usual.late if late is None else tuple(_made(said, layer, manner) for said in late),
    )


def _made(said: Mapping[str, object], layer: Layer, manner: Manner) -> nn.Module:
    kind = class_of(said)
    if kind in CLASSES:
        return manner.activation.module() if manner.insists else said_activation(said).module()
    if kind == "InstanceNorm2d":
        return nn.InstanceNorm2d(layer.after)
    scale, mode, corners = said.get("scale_factor"), said.get("mode"), said.get("align_corners")
    if isinstance(scale, (tuple, list)) and scale and all(one == scale[0] for one in scale):
        scale = scale[0]
    if kind in _DOUBLINGS and scale in _FACTORS and mode in _MODES:
        aligned = corners if isinstance(corners, bool) else None
        return nn.Upsample(scale_factor=float(str(scale)), mode=str(mode), align_corners=aligned)
    raise CheckpointError(f"has a {kind} after {layer.name}, which cannot be rebuilt here")


def _usual(layers: tuple[Layer, ...], index: int, manner: Manner) -> Joint:
    layer, following = layers[index], layers[index + 1]
    silent = _between(layer, following)
    acts, factor = silent != 0, 1
    if manner.role == "generator" and following.kind == "plain":
        acts, factor = _doubled(layers, index, silent, manner)
    elif layer.kind == "linear" != following.kind and layer.norm is None and silent is None:
        acts = manner.projected
    late = [manner.activation.module()] if acts else []
    early: list[nn.Module] = []
    if layer.norm is not None and _is_late(layer, following):
        early, late = [manner.activation.module()], []
    if _hides_norm(layers, index, manner):
        early = [nn.InstanceNorm2d(layer.after)]
    if factor > 1:
        late.append(nn.Upsample(scale_factor=float(factor), mode=manner.doubling))
    return Joint(tuple(early), tuple(late))


def _container(layer: Layer) -> str:
    return layer.name.rpartition(".")[0]


def _between(layer: Layer, following: Layer) -> int | None:
    """Return how many modules lie between a layer (or its norm) and the next, but for the one that reshapes."""
    if following.silent is None:
        return None
    reshapes = (layer.kind == "linear") != (following.kind == "linear") and _container(layer) == _container(following)
    early = layer.norm is not None and bool(layer.norm.silent) and not _is_late(layer, following)
    return max(0, following.silent - (reshapes and not early))


def _is_late(layer: Layer, following: Layer) -> bool:
    """Return whether the numbers leave room for the activation between a layer and its norm."""
    if layer.norm is None or not layer.norm.silent:
        return False
    reshaped = layer.kind == "linear" != following.kind and layer.norm.shape[:1] != (layer.after,)
    return layer.norm.silent > int(reshaped)


def _doubled(layers: tuple[Layer, ...], index: int, silent: int | None, manner: Manner) -> tuple[bool, int]:
    """Return whether there is an activation in front of a generator's plain convolution, and the growth there."""
    layer, following = layers[index], layers[index + 1]
    place = sum(one.kind != "linear" for one in layers[: index + 1])
    given = manner.doublings[place] if manner.doublings else 0
    mixed = any(one.kind == "transposed" for one in layers)
    if layer.kind == "linear":
        count = following.lead if silent is None else silent
        acts = count >= (1 if mixed else 2) or (count == 0 and manner.projected)
        return acts, given or (2 if count and not mixed else 1)
    doubles = following.lead > 0 if silent is None else silent >= 2
    return silent != 0, given or (2 if doubles and not mixed else 1)


def _hides_norm(layers: tuple[Layer, ...], index: int, manner: Manner) -> bool:
    """Return whether a norm without weights is between: in critics the first layer has none, and one place less."""
    if manner.role != "scorer" or index == 0 or any(layer.norm for layer in layers) or layers[index].kind == "linear":
        return False
    return _between(layers[index], layers[index + 1]) == _NORM_PLACES and _between(layers[0], layers[1]) == 1
