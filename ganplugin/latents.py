"""The mathematics of latents: interpolation, easing, walks, truncation and mixing of layers.

Everything is computed in float64 and returned as float32. A latent is an array whose last axis is its dimension: z
[z_dim], w [num_ws, w_dim] or any batch of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import InputError
from ganplugin.limits import MAX_FRAMES
from ganplugin.registry import did_you_mean

__all__ = [
    "EASINGS",
    "LAYER_NAMES",
    "WALK_METHODS",
    "Walk",
    "WalkMethod",
    "circular_walk",
    "cubic",
    "lerp",
    "mix_vector",
    "slerp",
    "truncation_vector",
    "walk_positions",
]

Latent = NDArray[np.float32]
WalkMethod = Literal["slerp", "lerp", "cubic", "circle"]

WALK_METHODS: Final[tuple[WalkMethod, ...]] = get_args(WalkMethod)

_PARALLEL: Final = 1e-6  # radians from 0 or pi at which the arc between two latents has no stable direction


def _smooth(t: float) -> float:
    return t * t * (3 - 2 * t)


EASINGS: Final[Mapping[str, Callable[[float], float]]] = {
    "linear": lambda t: t,
    "smooth": _smooth,
    "ease-in": lambda t: t**3,
    "ease-out": lambda t: 1 - (1 - t) ** 3,
    "ease-in-out": lambda t: 4 * t**3 if t < 0.5 else 1 - 4 * (1 - t) ** 3,
    "sine": lambda t: (1 - math.cos(math.pi * t)) / 2,
    "hold": lambda t: _smooth(min(max((t - 0.2) / 0.6, 0.0), 1.0)),
}
"""Time curves between two keys, 0..1 to 0..1, by name; "hold" rests for a fifth of the way at either end."""


def lerp(a: Latent, b: Latent, t: float) -> Latent:
    """Return the point at ``t`` (0..1) of the straight line from ``a`` to ``b``; 0 gives ``a`` and 1 ``b``, exactly."""
    return ((1 - t) * a.astype(np.float64) + t * b.astype(np.float64)).astype(np.float32)


def slerp(a: Latent, b: Latent, t: float) -> Latent:
    """Return the point at ``t`` (0..1) of the arc from ``a`` to ``b``, for each vector along the last axis.

    Spherical interpolation (Shoemake 1985) of the directions, with the lengths following, as GAN latents want it:
    the way between two Gaussian latents stays as far from zero as they are. Vectors that are parallel or opposite have
    no arc and are interpolated straight.
    """
    start, end = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(start, axis=-1, keepdims=True) * np.linalg.norm(end, axis=-1, keepdims=True)
    cosine = np.sum(start * end, axis=-1, keepdims=True) / np.where(lengths > 0, lengths, 1)
    angle = np.where(lengths > 0, np.arccos(np.clip(cosine, -1, 1)), 0)
    sine = np.sin(angle)
    straight = sine < _PARALLEL
    divisor = np.where(straight, 1, sine)
    from_start = np.where(straight, 1 - t, np.sin((1 - t) * angle) / divisor)
    from_end = np.where(straight, t, np.sin(t * angle) / divisor)
    return (from_start * start + from_end * end).astype(np.float32)


def cubic(keys: Latent, segment: int, t: float, *, loop: bool) -> Latent:
    """Return the point at ``t`` (0..1) of segment ``segment`` of the Catmull-Rom spline through ``keys`` [k, ...].

    The spline passes through each key without a corner. An open one is continued straight beyond its ends; in a loop
    the last segment leads back to the first key.
    """
    before, start, end, after = (_spline_key(keys, segment + offset, loop=loop) for offset in (-1, 0, 1, 2))
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    point = sum(weight / 2 * key for weight, key in zip(weights, (before, start, end, after), strict=True))
    return np.asarray(point, dtype=np.float32)


def _spline_key(keys: Latent, index: int, *, loop: bool) -> NDArray[np.float64]:
    count = len(keys)
    if loop or 0 <= index < count:
        key: NDArray[np.float64] = keys[index % count].astype(np.float64)
        return key
    edge, inner = (0, min(1, count - 1)) if index < 0 else (count - 1, max(count - 2, 0))
    mirrored: NDArray[np.float64] = 2 * keys[edge].astype(np.float64) - keys[inner].astype(np.float64)
    return mirrored


def walk_positions(keyframes: int, frames: int, loop: bool, easing: str) -> list[tuple[int, float]]:
    """Return (segment, eased t) of each frame of a walk through ``keyframes`` keys.

    An open walk starts at the first key and ends at the last. In a loop, the frame after the last one would be the
    first again, so that it plays round without a doubled picture.
    Raises `InputError` for an unknown easing or counts below 1.
    """
    if keyframes < 1 or frames < 1:
        raise InputError("a walk needs at least one key and one frame")
    return [_position(keyframes, frames, index, loop=loop, easing=easing) for index in range(frames)]


def _position(keyframes: int, frames: int, index: int, *, loop: bool, easing: str) -> tuple[int, float]:
    ease = _easing(easing)
    segments = keyframes if loop else keyframes - 1
    steps = frames if loop else frames - 1
    if segments == 0 or steps == 0:
        return 0, 0.0
    segment, rest = divmod((index % frames) * segments, steps)
    if segment == segments:  # the last frame of an open walk
        return segments - 1, 1.0
    return segment, ease(rest / steps)


def _easing(name: str) -> Callable[[float], float]:
    if name not in EASINGS:
        raise InputError(f"there is no easing {name!r}", fix=did_you_mean(name, tuple(EASINGS)))
    return EASINGS[name]


@dataclass(frozen=True, eq=False)
class Walk:
    """A way through latent space, computed frame by frame when asked: a long walk costs nothing until it is taken.

    ``keys`` is float32 [k, z_dim] or [k, num_ws, w_dim]. ``method`` is how neighbouring keys are joined: slerp is made
    for z; lerp and cubic for w; circle goes round in the plane of its keys (see `circular_walk`).
    ``radius`` (0..1) is the circle's alone. A frame depends on nothing but its index, so any division into slices gives
    the same bytes. Raises `InputError` for keys, counts or names that make no walk.
    """

    keys: Latent
    frames: int
    loop: bool = True
    easing: str = "linear"
    method: WalkMethod = "slerp"
    radius: float = 1.0

    def __post_init__(self) -> None:
        _easing(self.easing)
        if self.method not in WALK_METHODS:
            raise InputError(f"there is no walk {self.method!r}", fix=did_you_mean(self.method, WALK_METHODS))
        if not 1 <= self.frames <= MAX_FRAMES:
            raise InputError(f"{self.frames} is not in 1..{MAX_FRAMES}", where="frames")
        if self.keys.ndim < 2 or 0 in self.keys.shape or not np.isfinite(self.keys).all():
            raise InputError(f"a walk needs finite latents [k, ...], not {list(self.keys.shape)}", where="keys")
        if self.method == "circle":
            _check_circle(len(self.keys), self.radius)

    def __len__(self) -> int:
        return self.frames

    def at(self, index: int) -> Latent:
        """Return the latent of frame ``index``, shaped as one key.

        Raises `InputError` outside 0..frames - 1; a loop goes on for ever.
        """
        if not (self.loop or 0 <= index < self.frames):
            raise InputError(f"{index} is not in 0..{self.frames - 1}", where="frame")
        if self.method == "circle":
            return self._on_circle(index)
        segment, t = _position(len(self.keys), self.frames, index, loop=self.loop, easing=self.easing)
        if self.method == "cubic":
            return cubic(self.keys, segment, t, loop=self.loop)
        join = slerp if self.method == "slerp" else lerp
        return join(self.keys[segment], self.keys[(segment + 1) % len(self.keys)], t)

    def slice(self, start: int, stop: int) -> Latent:
        """Return the latents of frames ``start`` up to, not including, ``stop``: [stop - start, ...]."""
        if stop <= start:
            return np.empty((0, *self.keys.shape[1:]), dtype=np.float32)
        return np.stack([self.at(index) for index in range(start, stop)])

    def _on_circle(self, index: int) -> Latent:
        steps = self.frames if self.loop else max(self.frames - 1, 1)
        whole, rest = divmod(index, steps)
        turn = 2 * math.pi * (_easing(self.easing)(rest / steps) if whole == 0 or self.loop else 0.0)
        a, b = self.keys[-2:].astype(np.float64)
        circle = math.cos(turn) * a + math.sin(turn) * b
        if len(self.keys) == 2:
            return np.asarray(circle, dtype=np.float32)
        angle = self.radius * math.pi / 2
        centre = self.keys[0].astype(np.float64)
        return np.asarray(math.cos(angle) * centre + math.sin(angle) * circle, dtype=np.float32)


def circular_walk(keys: Latent, frames: int, *, radius: float = 1.0, easing: str = "linear") -> Walk:
    """Return a closed walk at constant speed around a circle, for z.

    Two keys a, b give ``cos(t) a + sin(t) b``, the great circle through both. Three keys c, a, b give the smaller
    circle around c with ``radius`` in 0..1, where 1 is that great circle and 0 stays at c. For independent Gaussian
    keys every point of the way is again exactly Gaussian (the squared weights sum to one).
    """
    return Walk(keys, frames, loop=True, easing=easing, method="circle", radius=radius)


def _check_circle(keys: int, radius: float) -> None:
    if keys not in (2, 3):
        raise InputError(f"a circle is drawn by 2 or 3 latents, not {keys}", fix="give 2 or 3 seeds")
    if not 0 <= radius <= 1:
        raise InputError(f"{radius} is not in 0..1", where="radius")


def truncation_vector(psi: float, num_ws: int, cutoff: int | None = None) -> Latent:
    """Return the truncation of each layer, float32 [num_ws]: ``psi`` for the first ``cutoff`` layers, 1 for the rest.

    psi = 1 leaves latents as they are, 0 gives the average picture. No cutoff means all layers.
    Raises `InputError` if psi is not finite or the cutoff not in 0..num_ws.
    """
    layers = num_ws if cutoff is None else cutoff
    if not math.isfinite(psi):
        raise InputError(f"{psi} is not a number", where="truncation")
    if not 0 <= layers <= num_ws:
        raise InputError(f"{layers} is not in 0..{num_ws}", where="truncation cutoff")
    return np.where(np.arange(num_ws) < layers, psi, 1.0).astype(np.float32)


LAYER_NAMES: Final = ("all", "coarse", "middle", "fine")
"""Layers by what they do to a picture: form, parts, surface."""

_LAYER_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")


def mix_vector(layers: str, num_ws: int) -> Latent:
    """Return float32 [num_ws], 1 for the layers that ``layers`` names and 0 for the others.

    ``layers`` is a list of numbers, ranges and names: ``"0-3,7"``, ``"coarse"``, ``"middle,fine"``.
    Raises `InputError`, with the model's range, for anything else.
    """
    mix = np.zeros(num_ws, dtype=np.float32)
    for item in layers.split(","):
        first, end = _layer_range(item.strip().lower(), layers, num_ws)
        mix[first:end] = 1
    return mix


def _named_layers(num_ws: int) -> dict[str, tuple[int, int]]:
    """Return first and end of the named layers.

    StyleGAN's: coarse 0-3 (4 and 8 px), middle 4-7 (16 and 32 px), fine from 8 on; a third each in networks of up to
    eight layers, which have none from 8 on.
    """
    middle, fine = (4, 8) if num_ws > 8 else (max(1, round(num_ws / 3)), round(num_ws * 2 / 3))
    return {"all": (0, num_ws), "coarse": (0, middle), "middle": (middle, fine), "fine": (fine, num_ws)}


def _layer_range(item: str, layers: str, num_ws: int) -> tuple[int, int]:
    where = f"layers {layers[:60]!r}"
    known = f"this model has layers 0 to {num_ws - 1}"
    if item in LAYER_NAMES:
        first, end = _named_layers(num_ws)[item]
        if first >= end:
            raise InputError(f"there are no {item} layers", where=where, fix=known)
        return first, end
    match = _LAYER_RANGE.fullmatch(item)
    if match is None:
        names = ", ".join(LAYER_NAMES)
        raise InputError(f"{item[:24]!r} is no layer", where=where, fix=f"write them like 0-3,7 or use {names}")
    first, end = int(match[1]), int(match[2] or match[1]) + 1
    if not first < end <= num_ws:
        raise InputError(f"{item} is no range of its layers", where=where, fix=known)
    return first, end
