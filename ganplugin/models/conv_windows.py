"""How the convolutions of a chain move over their maps: what is said of it, what is usual, and the sides that follow.

Strides and paddings are in no tensor. A pickled module says them; a state dict leaves the kernels, for which the common
codes have habits. Where these leave a choice, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ganplugin.errors import CheckpointError, InputError
from ganplugin.manifest import HyperParameter
from ganplugin.models.layer_chain import Layer, square_side
from ganplugin.models.module_words import Words
from ganplugin.models.setting import Setting

__all__ = [
    "PADDINGS",
    "SIDE",
    "SPARES",
    "STRIDES",
    "Window",
    "Windows",
    "generator_windows",
    "numbers",
    "scorer_windows",
]

STRIDES: Final = Setting("strides", "strides", "")
PADDINGS: Final = Setting("paddings", "paddings", "")
SPARES: Final = Setting("output_paddings", "output paddings", "")
SIDE: Final = Setting("side", "picture side", 0, least=8, most=4096, key="picture_side")

_LARGEST: Final = 4096
_LONGEST: Final = 99
_MNIST_SIDE: Final = 28
_SMALLEST: Final = 8


@dataclass(frozen=True)
class Window:
    """Stride, padding and output padding of one convolution."""

    stride: int
    padding: int
    spare: int = 0


@dataclass(frozen=True)
class Windows:
    """The windows of a chain's convolutions in order, where they come from, and the side of the pictures."""

    windows: tuple[Window, ...]
    side: int
    inferred: tuple[HyperParameter, ...]


_GENERATORS: Final[Mapping[tuple[int, tuple[int, ...]], tuple[Window, ...]]] = {
    # deeplearning.ai's course: 1, 3, 6, 13, 28.
    (1, (3, 4, 3, 4)): (Window(2, 0), Window(1, 0), Window(2, 0), Window(2, 0)),
    # DCGAN's example fitted to MNIST, in two ways: 4, 7, 14, 28, and 32 cut to 28.
    (1, (4, 3, 4, 4)): (Window(1, 0), Window(2, 1), Window(2, 1), Window(2, 1)),
    (1, (4, 4, 4, 4, 1)): (Window(1, 0), Window(2, 1), Window(2, 1), Window(2, 1), Window(1, 2)),
    # TensorFlow's tutorial in PyTorch: 7, 7, 14, 28.
    (7, (5, 5, 5)): (Window(1, 2), Window(2, 2, 1), Window(2, 2, 1)),
}
"""Windows by the side of the first map and the kernels."""

_SCORERS: Final[Mapping[tuple[bool, tuple[int, ...]], tuple[Window, ...]]] = {
    # deeplearning.ai's course, which has a norm after the first convolution too: 28, 13, 5, 1.
    (True, (4, 4, 4)): (Window(2, 0), Window(2, 0), Window(2, 0)),
    # DCGAN's example fitted to MNIST: 28, 14, 7, 4, 1.
    (False, (4, 4, 3, 4)): (Window(2, 1), Window(2, 1), Window(2, 1), Window(1, 0)),
}
"""Windows by whether there is a norm after the first convolution, and the kernels; all for pictures of 28 x 28."""


def generator_windows(
    layers: tuple[Layer, ...], doublings: tuple[int, ...], words: Words, config: Mapping[str, object]
) -> Windows:
    """Return the windows of a generator's convolutions; ``doublings`` are the factors by which maps grow before them.

    Raises `CheckpointError` where they cannot be told, `InputError` for a setting that does not fit.
    """
    convs = _convolutions(layers)
    first = _first_side(layers)
    habit = _generator_habit(convs, first)
    windows, inferred = _settled(convs, habit, words, config, first)
    side = first
    for layer, window, doubling in zip(convs, windows, doublings, strict=True):
        side = _after(layer, window, side * doubling)
        if window.spare >= window.stride:
            raise CheckpointError(f"pads the output of {layer.name} by as much as it strides", fix=_FIX)
        if side < 1 or side > _LARGEST:
            raise CheckpointError(f"would make maps of side {side} at {layer.name}", fix=_FIX)
    return Windows(
        windows, side, (*inferred, HyperParameter(name="picture side", value=side, origin=inferred[0].origin))
    )


def scorer_windows(layers: tuple[Layer, ...], words: Words, config: Mapping[str, object]) -> Windows:
    """Return the windows of a scorer's convolutions and the side of its pictures. Raises as `generator_windows`."""
    convs = _convolutions(layers)
    windows, inferred = _settled(convs, _scorer_habit(convs, layers), words, config, 0)
    given = SIDE.read(config)
    if given.origin == "default":
        _refuse_pooled(layers, convs, words)
    known = _MNIST_SIDE if windows == _SCORERS.get(_scorer_key(convs)) and layers[-1].kind != "linear" else 0
    side = int(given.value) or known or _side_before(layers, convs, windows)
    if not _SMALLEST <= side <= _LARGEST:
        raise CheckpointError(f"would judge pictures of side {side}", fix=_FIX)
    _check_end(layers, convs, windows, side)
    origin = inferred[0].origin if given.origin == "default" else given.origin
    return Windows(windows, side, (*inferred, HyperParameter(name="picture side", value=side, origin=origin)))


_FIX: Final = "say them: --set strides=2,1,2 --set paddings=1,0,1, one number a convolution"


def _convolutions(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    return tuple(layer for layer in layers if layer.kind != "linear")


def _first_side(layers: tuple[Layer, ...]) -> int:
    """Return the side of the first map: 1, or what a projection makes."""
    place = next(index for index, layer in enumerate(layers) if layer.kind != "linear")
    return square_side(layers[place - 1].after, layers[place].before) if place else 1


def _after(layer: Layer, window: Window, side: int) -> int:
    if layer.kind == "transposed":
        return (side - 1) * window.stride - 2 * window.padding + layer.kernel + window.spare
    return (side + 2 * window.padding - layer.kernel) // window.stride + 1


def _usual(layer: Layer, stride: int, side: int = 0) -> Window:
    """Return the window that keeps a side, or grows or shrinks it by the stride; one pixel becomes a whole kernel."""
    if side == 1 or (stride == 1 and layer.kernel % 2 == 0):
        return Window(stride, 0)
    padding = max(0, -(-(layer.kernel - stride) // 2))
    spare = stride - layer.kernel + 2 * padding
    return Window(stride, padding, spare if layer.kind == "transposed" else 0)


def _generator_habit(convs: tuple[Layer, ...], side: int) -> tuple[Window, ...] | None:
    known = _GENERATORS.get((side, tuple(layer.kernel for layer in convs)))
    if known is not None and all(layer.kind == "transposed" for layer in convs):
        return known
    opening = _opening(convs) if side == 1 else 0
    kernels = {layer.kernel for layer in convs[opening:] if layer.kind == "transposed"}
    strides = [_stride(layer.kernel, kernels) if layer.kind == "transposed" else 1 for layer in convs[opening:]]
    # Without a projection, odd kernels alone double in one code and do not quite in another.
    odd = side == 1 and kernels and all(kernel % 2 for kernel in kernels)
    if odd or None in strides or any(layer.kind == "plain" and layer.kernel % 2 == 0 for layer in convs):
        return None
    later = zip(convs[opening:], strides, strict=True)
    return (*(Window(1, 0) for _ in range(opening)), *(_usual(layer, stride or 1) for layer, stride in later))


def _opening(convs: tuple[Layer, ...]) -> int:
    """Return how many convolutions see a map of one pixel: up to the first whose kernel is larger."""
    return next((index + 1 for index, layer in enumerate(convs) if layer.kernel > 1), len(convs))


def _stride(kernel: int, others: set[int]) -> int | None:
    """Return what common codes do with a kernel among ``others``: halve or double, or keep the side between those."""
    if others <= {2} or others <= {3} or others <= {4} or others <= {5} or others <= {6}:
        return 2
    if others <= {3, 4}:
        return 2 if kernel == 4 else 1
    return None


def _scorer_habit(convs: tuple[Layer, ...], layers: tuple[Layer, ...]) -> tuple[Window, ...] | None:
    ends_open = layers[-1].kind == "linear"
    known = _SCORERS.get(_scorer_key(convs))
    if known is not None and not ends_open:
        return known
    halving = convs if ends_open else convs[:-1]
    kinds = {layer.kernel for layer in halving}
    strides = [_stride(layer.kernel, kinds) for layer in halving]
    # Codes that do not halve at each convolution of 3 x 3 have several of one width.
    if kinds == {3} and any(layer.before == layer.after for layer in halving):
        return None
    if any(stride is None for stride in strides):
        return None
    found = [_usual(layer, stride or 1) for layer, stride in zip(halving, strides, strict=True)]
    return tuple(found) if ends_open else (*found, Window(1, 0))


def _scorer_key(convs: tuple[Layer, ...]) -> tuple[bool, tuple[int, ...]]:
    return convs[0].norm is not None, tuple(layer.kernel for layer in convs)


def _settled(
    convs: tuple[Layer, ...], habit: tuple[Window, ...] | None, words: Words, config: Mapping[str, object], side: int
) -> tuple[tuple[Window, ...], tuple[HyperParameter, ...]]:
    """Return the windows and their facts: as given, else as the file says, else as is usual.

    Paddings that are given without output paddings have none, as in torch, unless the file says them.
    """
    strides, paddings, spares = (numbers(setting, len(convs), config) for setting in (STRIDES, PADDINGS, SPARES))
    said = None if strides else _said(convs, words)
    origin = STRIDES.read(config).origin if strides else "metadata" if said else "default"
    windows = _strided(convs, strides, habit, side) if strides else said or habit
    if windows is None:
        kernels = ", ".join(str(layer.kernel) for layer in convs)
        raise CheckpointError(f"has kernels {kernels}, whose strides and paddings cannot be told", fix=_FIX)
    if paddings:
        kept = [window.spare if said else 0 for window in windows]
        windows = tuple(map(Window, (window.stride for window in windows), paddings, kept))
    if spares:
        windows = tuple(replace(window, spare=spare) for window, spare in zip(windows, spares, strict=True))
    padded = PADDINGS.read(config).origin if paddings else origin
    told = [(STRIDES, origin, [one.stride for one in windows]), (PADDINGS, padded, [one.padding for one in windows])]
    if any(window.spare for window in windows):
        told.append((SPARES, SPARES.read(config).origin if spares else origin, [one.spare for one in windows]))
    return windows, tuple(
        HyperParameter(name=setting.title, value=", ".join(map(str, found)), origin=source)
        for setting, source, found in told
    )


def _strided(
    convs: tuple[Layer, ...], strides: tuple[int, ...], habit: tuple[Window, ...] | None, side: int
) -> tuple[Window, ...]:
    """Return the usual windows of strides that were given; ``side`` is that of a generator's first map, or 0."""
    if habit and strides == tuple(window.stride for window in habit):
        return habit
    found: list[Window] = []
    for layer, stride in zip(convs, strides, strict=True):
        found.append(_usual(layer, stride, side))
        side = _after(layer, found[-1], side) if side else 0
    if not side and convs[-1].after == 1:
        found[-1] = Window(strides[-1], 0)
    return tuple(found)


def _said(convs: tuple[Layer, ...], words: Words) -> tuple[Window, ...] | None:
    found: list[Window] = []
    for layer in convs:
        stride, padding = words.number(layer.name, "stride"), words.number(layer.name, "padding")
        if stride is None or padding is None:
            return None
        spare = words.number(layer.name, "output_padding") or 0
        zeros = words.of(layer.name).get("padding_mode") in (None, "zeros")
        dilation = words.number(layer.name, "dilation") or 1
        if dilation != 1 or not zeros or min(padding, spare) < 0 or not 0 < stride <= _LONGEST:
            raise CheckpointError(f"has an unusual convolution {layer.name}, which cannot be rebuilt here")
        found.append(Window(stride, padding, spare))
    return tuple(found)


def numbers(setting: Setting, count: int, config: Mapping[str, object]) -> tuple[int, ...] | None:
    """Return the ``count`` numbers that a setting holds as text, or None if it is empty.

    Raises `InputError` for another count, or for what are no small numbers.
    """
    text = str(setting.read(config).value)
    if not text:
        return None
    pieces = [piece.strip() for piece in text.split(",")]
    least = 0 if setting in (PADDINGS, SPARES) else 1
    if len(pieces) != count or not all(piece.isdecimal() and least <= int(piece) <= _LONGEST for piece in pieces):
        raise InputError(f"{setting.name}={text} is no list of {count} small numbers", fix=_FIX)
    return tuple(map(int, pieces))


def _side_before(layers: tuple[Layer, ...], convs: tuple[Layer, ...], windows: tuple[Window, ...]) -> int:
    """Return the side of pictures of which the last layer sees a map of its own size."""
    side = _last_side(layers, convs) or 1
    for layer, window in reversed(list(zip(convs, windows, strict=True))):
        # Several sides shrink to one: the even one is meant where a stride leaves the choice.
        least = (side - 1) * window.stride + layer.kernel - 2 * window.padding
        side = least + (window.stride - 1 if layer.kernel % 2 and window.padding and side > 1 else 0)
    return side


def _last_side(layers: tuple[Layer, ...], convs: tuple[Layer, ...]) -> int:
    """Return the side that the first linear layer expects; 0 if there is none."""
    linear = next((layer for layer in layers if layer.kind == "linear"), None)
    return square_side(linear.before, convs[-1].after) if linear else 0


def _refuse_pooled(layers: tuple[Layer, ...], convs: tuple[Layer, ...], words: Words) -> None:
    """Raise `CheckpointError` if a linear layer takes one value a channel, and maps may have been pooled for it."""
    last = convs[-1].norm.name if convs[-1].norm else convs[-1].name
    following = layers[len(convs)].name if len(layers) > len(convs) else last
    if _last_side(layers, convs) == 1 and words.between(last, following) is None:
        raise CheckpointError(
            "gives its linear layer one value a channel: of maps of 1 x 1, or of larger ones, averaged or summed",
            fix="if they are 1 x 1, say the side of the pictures: --set side=32; pooling cannot be rebuilt here",
        )


def _check_end(layers: tuple[Layer, ...], convs: tuple[Layer, ...], windows: tuple[Window, ...], side: int) -> None:
    wanted, start = _last_side(layers, convs), side
    for layer, window in zip(convs, windows, strict=True):
        side = _after(layer, window, side)
    if side < 1 or wanted not in (0, side):
        raise CheckpointError(f"cannot judge pictures of side {start}: its maps end at side {side}", fix=_FIX)
