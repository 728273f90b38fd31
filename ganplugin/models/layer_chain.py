"""A state dict read as a chain: linear layers and convolutions one after the other, each perhaps with a norm after it.

Names may be any. The order is that of the file, or of the numbers in the names where sorting has lost it. A transposed
convolution is told from a plain one by the side on which its channels meet those of its neighbours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Final, Literal

import torch
from torch import Tensor

from ganplugin.models.network import StateDict

__all__ = ["Kind", "Layer", "Norm", "Role", "chain_of", "square_side"]

Kind = Literal["linear", "plain", "transposed"]
Role = Literal["generator", "scorer"]
Modules = list[tuple[str, Mapping[str, Tensor]]]

_LAYER_ENTRIES: Final = {"weight", "bias"}
_STATISTICS: Final = {"running_mean", "running_var", "num_batches_tracked"}
_MOST_DIGITS: Final = 9
_NUMBER: Final = re.compile(rf"(\d{{1,{_MOST_DIGITS}}})")
_MOST_MODULES: Final = 200
_MOST_SECTIONS: Final = 5


@dataclass(frozen=True)
class Norm:
    """A norm: batch (with statistics), instance (with weights alone), or layer (with weights of a whole map).

    ``silent`` is the number of modules without tensors between its layer and it; None where names do not tell.
    """

    name: str
    kind: Literal["batch", "instance", "layer"]
    shape: tuple[int, ...]
    silent: int | None = None
    affine: bool = True


@dataclass(frozen=True)
class Layer:
    """A layer by its name in the file, with channels (or values) before and after it; ``kernel`` is 0 if linear.

    ``silent`` is the number of modules without tensors between what is before it and it, None where names do not tell;
    ``lead`` is its place in its own container, if it is the first there.
    """

    name: str
    kind: Kind
    before: int
    after: int
    kernel: int
    bias: bool
    silent: int | None = None
    lead: int = 0
    norm: Norm | None = None


def chain_of(state: StateDict, role: Role, fits: Callable[[tuple[Layer, ...]], bool]) -> tuple[Layer, ...]:
    """Return the chain that a state is, or nothing if it is something else or has anything beside it.

    A scorer's chain has no transposed convolution; a generator's does not begin with a plain one. ``fits`` says whether
    the ends of a chain are right: where keys were sorted, modules can make more than one.
    """
    modules = _modules(state)
    if not 2 <= len(modules) <= _MOST_MODULES:
        return ()
    for order in _orders(modules) if _is_sorted(state) else [modules]:
        layers = _layers(order, role)
        if layers and _is_even(layers) and fits(layers):
            return layers
    return ()


def square_side(values: int, channels: int) -> int:
    """Return the side of the square maps of so many channels that hold so many values; 0 if there is none."""
    side = math.isqrt(values // channels) if channels else 0
    return side if side * side * channels == values else 0


def _modules(state: StateDict) -> Modules:
    modules: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        name, _, entry = key.rpartition(".")
        modules.setdefault(name, {})[entry] = tensor
    return list(modules.items())


def _is_sorted(state: StateDict) -> bool:
    """Return whether keys have lost their order: safetensors sorts them, those of each type apart."""
    kinds: dict[torch.dtype, list[str]] = {}
    for key, tensor in state.items():
        kinds.setdefault(tensor.dtype, []).append(key)
    return all(keys == sorted(keys) for keys in kinds.values())


def _orders(modules: Modules) -> Iterator[Modules]:
    """Yield the orders to try where that of the file is lost."""
    natural = sorted(modules, key=lambda module: _pieces(module[0]))
    yield natural
    for unnumbered in (-1, len(modules)):
        yield sorted(natural, key=lambda module: (_numbers(module[0]) or [unnumbered], not _is_layer(module[1])))
    sections = list(dict.fromkeys(name.partition(".")[0] for name, _ in natural))
    contain = len(sections) < len(modules) and all(_place(section) is None for section in sections)
    if contain and len(sections) <= _MOST_SECTIONS:
        for order in permutations(sections):
            yield [module for section in order for module in natural if module[0].partition(".")[0] == section]


def _pieces(name: str) -> list[tuple[int, str]]:
    numbers = ((_place(piece), piece) for piece in _NUMBER.split(name))
    return [(-1, piece) if number is None else (number, "") for number, piece in numbers]


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in _NUMBER.findall(name)]


def _place(name: str) -> int | None:
    """Return the number that a name is, or None if it is none, or too long to be a place."""
    return int(name) if name.isdecimal() and len(name) <= _MOST_DIGITS else None


def _is_layer(entries: Mapping[str, Tensor]) -> bool:
    return "weight" in entries and set(entries) <= _LAYER_ENTRIES and entries["weight"].ndim in (2, 4)


def _layers(modules: Modules, role: Role) -> tuple[Layer, ...]:
    found: list[Layer] = []
    weights = [(name, entries) for name, entries in modules if _is_layer(entries)]
    kinds = iter(_kinds([tuple(entries["weight"].shape) for _, entries in weights], role))
    previous = ""
    for name, entries in modules:
        if _is_layer(entries):
            kind = next(kinds, None)
            if kind is None:
                return ()
            found.append(_layer(name, entries, kind, previous))
        elif found and found[-1].norm is None and (norm := _norm(name, entries, found[-1].name)) is not None:
            found[-1] = replace(found[-1], norm=norm)
        else:
            return ()
        previous = name
    return tuple(found)


def _layer(name: str, entries: Mapping[str, Tensor], kind: Kind, previous: str) -> Layer:
    shape = entries["weight"].shape
    before, after = (0, 1) if kind == "transposed" else (1, 0)
    kernel = shape[2] if len(shape) == 4 else 0
    silent = _silent(previous, name)
    container, _, place = name.rpartition(".")
    lead = 0 if container == previous.rpartition(".")[0] else _place(place) or 0
    return Layer(name, kind, shape[before], shape[after], kernel, "bias" in entries, silent, lead)


def _norm(name: str, entries: Mapping[str, Tensor], layer: str) -> Norm | None:
    """Return the norm that a module is; one that lacks a tensor is one too, so that loading can say what it lacks."""
    batch = bool(_STATISTICS & set(entries))
    tensor = next((entries[entry] for entry in ("weight", "bias", "running_mean") if entry in entries), None)
    if tensor is None or not set(entries) <= _LAYER_ENTRIES | _STATISTICS or tensor.ndim not in (1, 3):
        return None
    kind: Literal["batch", "instance", "layer"] = "batch" if batch else "instance" if tensor.ndim == 1 else "layer"
    return Norm(name, kind, tuple(tensor.shape), _silent(layer, name), bool(_LAYER_ENTRIES & set(entries)))


def _silent(previous: str, name: str) -> int | None:
    """Return how many places lie between two names of one numbered container."""
    (one, _, before), (other, _, after) = previous.rpartition("."), name.rpartition(".")
    first, second = _place(before), _place(after)
    if one != other or first is None or second is None:
        return None
    return max(0, second - first - 1)


def _kinds(shapes: list[tuple[int, ...]], role: Role) -> tuple[Kind, ...]:
    """Return the kind of each weight if they make a chain, else nothing."""
    preferences: tuple[tuple[Kind, ...], ...] = (("plain",),)
    if role == "generator":
        preferences = ("transposed", "plain"), ("plain", "transposed")
    for kinds in preferences:
        found = _greedy(shapes, kinds, role)
        decided = _decided(found, shapes, kinds[0]) if len(found) == len(shapes) else ()
        if decided and (role == "scorer" or decided[0] != "plain"):
            return decided
    return ()


def _greedy(shapes: list[tuple[int, ...]], kinds: Iterable[Kind], role: Role) -> list[Kind]:
    found: list[Kind] = []
    width, flat = 0, True
    for shape in shapes:
        fitting = [kind for kind in kinds if len(shape) == 4 and _meets(shape[kind == "plain"], width, flat=flat)]
        if not found and len(shape) == 4:
            fitting = ["plain" if role == "scorer" else "transposed"]
        if len(shape) == 2:
            fits = not found or (shape[1] == width if flat else bool(square_side(shape[1], width)))
            fitting = ["linear"] if fits else []
        if not fitting or 0 in shape or (len(shape) == 4 and shape[2] != shape[3]):
            return []
        found.append(fitting[0])
        width, flat = shape[fitting[0] == "transposed"], len(shape) == 2
    return found


def _meets(channels: int, width: int, *, flat: bool) -> bool:
    """Return whether a convolution of so many channels can follow ``width`` values or channels."""
    return bool(square_side(width, channels)) if flat else channels == width


def _decided(kinds: list[Kind], shapes: list[tuple[int, ...]], usual: Kind) -> tuple[Kind, ...]:
    """Decide on weights of as many channels before as after, which can be of either kind.

    They are of the next decided kind, but an odd kernel among even ones is a plain convolution that refines.
    """
    result: list[Kind] = []
    nearest = usual
    even = any(kind == "transposed" and shape[2] % 2 == 0 for kind, shape in zip(kinds, shapes, strict=True))
    for kind, shape in reversed(list(zip(kinds, shapes, strict=True))):
        if kind != "linear" and shape[0] != shape[1]:
            nearest = kind
        refines = kind != "linear" and shape[0] == shape[1] and shape[2] % 2 == 1 and even
        result.append("linear" if kind == "linear" else "plain" if refines else nearest)
    return tuple(reversed(result))


def _is_even(layers: tuple[Layer, ...]) -> bool:
    """Return whether like layers are alike: what one lacks and others have is missing.

    All linear layers have a bias or none has, all normed convolutions, all others but the last. The norms of all
    convolutions but the last are of one kind.
    """
    groups: dict[tuple[bool, bool], set[bool]] = {}
    for layer in layers:
        linear = layer.kind == "linear"
        if linear or layer is not layers[-1]:
            groups.setdefault((linear, not linear and layer.norm is not None), set()).add(layer.bias)
    kinds = {layer.norm.kind for layer in layers[:-1] if layer.norm is not None and layer.kind != "linear"}
    return all(len(found) == 1 for found in groups.values()) and len(kinds) <= 1
