"""The inputs on which a converted model is held against its network."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import ExportError
from ganplugin.models.network import GraphInput, Network

__all__ = ["Array", "Case", "cases", "check_scale"]

Array = NDArray[np.float32]

_NOISE: Final = re.compile(r"noise_\d+")
_BATCHES: Final = (1, 2, 5)
_SEEDS: Final = (1, 20260)
_SIDE: Final = 32
_SMALLEST_SIDE: Final = 8
_LONGER: Final = 8


@dataclass(frozen=True)
class Case:
    """One comparison: what is fed (all else keeps its default), and what is asked for (nothing: every output)."""

    label: str
    feeds: Mapping[str, Array]
    outputs: tuple[str, ...] = ()


def cases(network: Network) -> Iterator[Case]:
    """Yield the comparisons of design section 4: batches, seeds, sizes, every optional input alone and all together."""
    for seed in _SEEDS:
        for batch in (1,) if network.facts.get("single") else _BATCHES:
            yield Case(f"batch {batch}, seed {seed}", _required(network, batch, seed, 0))
    if any(_is_picture_axis(given) for given in network.inputs):
        yield Case("another size", _required(network, 2, 3, 1))
    yield from _optional_cases(network)
    if "w" in network.outputs:
        yield Case("w alone", _required(network, 3, 4, 0), ("w",))


def check_scale(network: Network, case: Case, found: Mapping[str, NDArray[np.generic]]) -> None:
    """Promise that a style network returns pictures as many times larger as its ``scale`` says.

    Raises `ExportError` with both sizes otherwise; networks of other kinds pass.
    """
    if network.kind != "style":
        return
    given, image, scale = case.feeds["content"].shape[2:], found["image"], _fact(network, "scale")
    if image.shape[2:] != tuple(side * scale for side in given):
        raise ExportError(
            f"on {case.label}, pictures of {given[1]}x{given[0]} become {image.shape[3]}x{image.shape[2]},"
            f" not {scale} times as large"
        )


def _optional_cases(network: Network) -> Iterator[Case]:
    optional = [given for given in network.inputs if given.default is not None]
    for title, names in _together(optional).items():
        changed = {given.name: _unusual(given, 1, 5) for given in optional if given.name in names}
        yield Case(f"{title} changed", {**_required(network, 2, 6, 0), **changed})
    if optional:
        changed = {given.name: _unusual(given, 5, 7) for given in optional}
        yield Case("every optional input changed", {**_required(network, 5, 8, 0), **changed})


def _together(optional: list[GraphInput]) -> dict[str, set[str]]:
    """Inputs to change at once: each alone, but all noise maps (they differ, so none can stand in for another)."""
    groups: dict[str, set[str]] = {}
    for given in optional:
        groups.setdefault("noise maps" if _NOISE.fullmatch(given.name) else given.name, set()).add(given.name)
    if "ws" in groups:  # a `ws` that is not mixed in would change nothing
        groups["ws"].add("mix")
    return groups


def _required(network: Network, batch: int, seed: int, size: int) -> dict[str, Array]:
    random = np.random.RandomState(seed)
    return {
        given.name: _drawn(given, batch, _sides(network, size), random)
        for given in network.inputs
        if given.default is None
    }


def _sides(network: Network, size: int) -> tuple[int, int]:
    multiple = _fact(network, "size_multiple")
    # What an upscaler costs, it costs for the pixels that come out.
    least = max(_SIDE // _fact(network, "scale"), _SMALLEST_SIDE)
    side = _raised(max(least, _fact(network, "minimum_size")), multiple)
    # Where sizes go in large steps, squares and one oblong keep the proof short.
    extras = (((0, 24), (13, 5)) if multiple <= _SIDE else ((0, 0), (1, 0)))[size]
    return side + _raised(extras[0], multiple), side + _raised(extras[1], multiple)


def _fact(network: Network, name: str) -> int:
    value = network.facts.get(name, 1)
    return value if isinstance(value, int) else 1


def _raised(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple


def _is_picture_axis(given: GraphInput) -> bool:
    return given.default is None and len(given.shape) == 4 and isinstance(given.shape[2], str)


def _drawn(given: GraphInput, batch: int, sides: tuple[int, int], random: np.random.RandomState) -> Array:
    free = iter((batch, *sides))
    shape = [axis if isinstance(axis, int) else next(free) for axis in given.shape]
    if given.name == "label":
        return np.eye(shape[1], dtype=np.float32)[random.randint(shape[1], size=shape[0])]
    if len(shape) == 4:
        return _picture(shape, random)
    return random.randn(*shape).astype(np.float32)


def _picture(shape: list[int], random: np.random.RandomState) -> Array:
    """Noise over a colour gradient: neither flat nor pure noise, so that every layer has something to do."""
    ramp = np.linspace(0, 1, shape[3], dtype=np.float32) * random.rand(*shape[:2], 1, 1).astype(np.float32)
    return (0.7 * ramp + 0.3 * random.rand(*shape)).astype(np.float32)


def _unusual(given: GraphInput, rows: int, seed: int) -> Array:
    if given.default is None:
        raise ValueError(f"{given.name} has no default")
    random = np.random.RandomState(seed + zlib.crc32(given.name.encode()) % 2**31)
    default = given.default.detach().numpy().astype(np.float32)
    shape = tuple(
        (rows if place == 0 else side + _LONGER) if isinstance(axis, str) else side
        for place, (axis, side) in enumerate(zip(given.shape, default.shape, strict=True))
    )
    maker = _UNUSUAL.get(given.name, _noise)
    return maker(shape, random).astype(np.float32).reshape(shape)


Shape = tuple[int, ...]


def _noise(shape: Shape, random: np.random.RandomState) -> Array:
    return np.asarray(random.randn(*shape), dtype=np.float32)


def _cut_off(shape: Shape, _: np.random.RandomState) -> Array:
    """Truncation 0.5 in the first half of the layers and none after it."""
    return np.where(np.arange(shape[0]) < math.ceil(shape[0] / 2), 0.5, 1).astype(np.float32)


def _mixed(shape: Shape, _: np.random.RandomState) -> Array:
    return (np.arange(shape[0]) % 3 / 2).astype(np.float32)


def _weights(shape: Shape, random: np.random.RandomState) -> Array:
    return random.dirichlet(np.ones(shape[0])).astype(np.float32)


def _strength(_: Shape, __: np.random.RandomState) -> Array:
    return np.asarray(0.4, dtype=np.float32)


def _turned(shape: Shape, random: np.random.RandomState) -> Array:
    """Rotations about different angles with a shift."""
    angles = 0.2 + random.rand(shape[0])
    turns = np.tile(np.eye(3, dtype=np.float32), (shape[0], 1, 1))
    turns[:, 0, 0] = turns[:, 1, 1] = np.cos(angles)
    turns[:, 0, 1], turns[:, 1, 0] = np.sin(angles), -np.sin(angles)
    turns[:, :2, 2] = (0.1, -0.2)
    return turns


def _pictured(shape: Shape, random: np.random.RandomState) -> Array:
    return _picture(list(shape), random)


_UNUSUAL: Final[Mapping[str, Callable[[Shape, np.random.RandomState], Array]]] = {
    "truncation": _cut_off,
    "mix": _mixed,
    "style_weights": _weights,
    "strength": _strength,
    "noise_strength": _strength,
    "transform": _turned,
    "style": _pictured,
}
