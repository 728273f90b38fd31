"""What each ONNX operator does to the size of a feature map, and how far it looks around a pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.tiling.maps import Map, Uncuttable

__all__ = ["JOINING", "Call", "Step", "resize_scale", "step"]

POINTWISE: Final = frozenset(
    [
        *("Abs", "Add", "And", "BatchNormalization", "Cast", "CastLike", "Ceil", "Clip", "Cos", "Div", "Elu", "Equal"),
        *("Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity"),
        *("LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or"),
        *("PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign"),
        *("Sqrt", "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Where"),
    ]
)
"""Operators that treat every number alike, wherever it is."""

JOINING: Final = POINTWISE - {"BatchNormalization"}
"""Those that join numbers at the same place, and spread the smaller of two tensors over the other."""

_NOWHERE: Final = Fraction(0)
_MOST_CHEAP: Final = 16


@dataclass(frozen=True)
class Call:
    """One operator that works on feature maps. ``maps`` has None for the inputs that are none.

    ``value`` computes one of those: numbers that do not depend on the picture.
    """

    op: str
    attributes: Mapping[str, Any]
    maps: tuple[Map | None, ...]
    value: Callable[[int], NDArray[Any] | None]

    @property
    def first(self) -> Map:
        """The feature map that goes in first."""
        return next(found for found in self.maps if found is not None)

    def numbers(self, index: int, name: str) -> list[int] | None:
        """Return whole numbers that are an attribute in older operator sets and an input in newer ones."""
        found = self.attributes.get(name)
        if found is None and index < len(self.maps):
            found = self.value(index)
        return None if found is None else [int(number) for number in np.ravel(found)]


@dataclass(frozen=True)
class Step:
    """The maps that come out, how far the operator looks, and how much arithmetic a number of its output takes."""

    maps: tuple[Map, ...]
    low: Fraction = _NOWHERE
    high: Fraction = _NOWHERE
    work: int = 1

    @property
    def is_cheap(self) -> bool:
        """Whether computing it twice costs less than keeping it."""
        return self.work <= _MOST_CHEAP


def step(call: Call) -> Step:
    """Return what an operator makes of its feature maps.

    Raises `Uncuttable` for one that does not treat every place of the picture alike.
    """
    if call.op in POINTWISE:
        return _pointwise(call)
    rule = _RULES.get(call.op)
    if rule is None:
        raise Uncuttable(f"its operator {call.op} may look at the whole picture")
    if call.first.rows and call.op not in ("Reshape", "MatMul", "Flatten"):
        raise Uncuttable(f"its {call.op} works on a flattened picture")
    return rule(call)


def _pointwise(call: Call) -> Step:
    found = [each for each in call.maps if each is not None]
    if len({(each.height, each.width, each.stride, bool(each.rows)) for each in found}) > 1:
        raise Uncuttable(f"its {call.op} joins feature maps of different sizes")
    return Step((max(found, key=lambda each: (each.channels, each.rows)),))


def _attribute(call: Call, name: str, default: list[int]) -> list[int]:
    return [int(number) for number in call.attributes.get(name, default)]


@dataclass(frozen=True)
class _Slide:
    """A kernel that slides over the picture."""

    kernel: list[int]
    strides: list[int]
    pads: list[int]
    span: list[int]

    @classmethod
    def of(cls, call: Call, kernel: list[int]) -> _Slide:
        if call.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"", b"VALID"):
            raise Uncuttable(f"its {call.op} chooses its padding by the picture's size")
        strides = _attribute(call, "strides", [1, 1])
        if len(kernel) != 2 or strides[0] != strides[1]:
            raise Uncuttable(f"its {call.op} does not treat both directions alike")
        dilations = _attribute(call, "dilations", [1, 1])
        span = [(side - 1) * dilation for side, dilation in zip(kernel, dilations, strict=True)]
        return cls(kernel, strides, _attribute(call, "pads", [0, 0, 0, 0]), span)

    @property
    def stride(self) -> int:
        return self.strides[0]

    @property
    def area(self) -> int:
        return self.kernel[0] * self.kernel[1]

    def look(self, stride: Fraction) -> tuple[Fraction, Fraction]:
        low = -max(self.pads[:2])
        high = max(span - pad for span, pad in zip(self.span, self.pads[:2], strict=True))
        return low * stride, high * stride

    def side(self, axis: int, before: int, *, ceil: bool) -> int:
        room = before + self.pads[axis] + self.pads[axis + 2] - self.span[axis] - 1
        count = (-(-room // self.stride) if ceil else room // self.stride) + 1
        beyond = ceil and (count - 1) * self.stride >= before + self.pads[axis]
        return count - 1 if beyond else count


def _slid(call: Call, slide: _Slide, channels: int, work: int) -> Step:
    source, ceil = call.first, bool(call.attributes.get("ceil_mode", 0))
    height, width = (slide.side(axis, side, ceil=ceil) for axis, side in enumerate((source.height, source.width)))
    low, high = slide.look(source.stride)
    return Step((Map(channels, height, width, source.stride * slide.stride),), low, high, work)


def _weights(call: Call) -> tuple[int, ...]:
    weights = call.value(1) if call.maps[1] is None else None
    if weights is None:
        raise Uncuttable(f"its {call.op} makes its weights from the picture")
    return weights.shape


def _conv(call: Call) -> Step:
    shape = _weights(call)
    slide = _Slide.of(call, list(shape[2:]))
    return _slid(call, slide, shape[0], shape[1] * slide.area)


def _pool(call: Call) -> Step:
    if len([name for name in call.attributes.get("outputs", [""]) if name]) > 1:
        raise Uncuttable(f"its {call.op} also says where its values lie in the picture")
    slide = _Slide.of(call, _attribute(call, "kernel_shape", []))
    return _slid(call, slide, call.first.channels, slide.area)


def _conv_transpose(call: Call) -> Step:
    shape, source = _weights(call), call.first
    slide = _Slide.of(call, list(shape[2:]))
    if "output_shape" in call.attributes:
        raise Uncuttable("its ConvTranspose has one output size")
    extra = _attribute(call, "output_padding", [0, 0])
    sides = [
        slide.stride * (side - 1) + extra[axis] + slide.span[axis] + 1 - slide.pads[axis] - slide.pads[axis + 2]
        for axis, side in enumerate((source.height, source.width))
    ]
    fine = source.stride / slide.stride
    low = min(pad - span for span, pad in zip(slide.span, slide.pads[:2], strict=True)) * fine
    made = Map(shape[1] * int(call.attributes.get("group", 1)), sides[0], sides[1], fine)
    return Step((made,), low, max(slide.pads[:2]) * fine, shape[0] * slide.area)


def _pad(call: Call) -> Step:
    source = call.first
    pads = call.numbers(1, "pads")
    if pads is None or call.attributes.get("mode", b"constant") == b"wrap":
        raise Uncuttable("its padding wraps around the picture")
    axes = call.numbers(3, "axes") or list(range(len(pads) // 2))
    by_axis = {axis % 4: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    if any(by_axis.get(axis, (0, 0)) != (0, 0) for axis in (0, 1)):
        raise Uncuttable("its padding adds channels")
    (top, bottom), (left, right) = by_axis.get(2, (0, 0)), by_axis.get(3, (0, 0))
    made = replace(source, height=source.height + top + bottom, width=source.width + left + right)
    shifts = [-top * source.stride, -left * source.stride]
    return Step((made,), min(shifts), max(shifts))


def resize_scale(call: Call, source: Map, target: Map) -> int:
    """Return the whole number by which a Resize enlarges every place alike; 0 if it needs the picture's whole size."""
    ways = (b"half_pixel", b"asymmetric", b"pytorch_half_pixel")
    plain = call.attributes.get("coordinate_transformation_mode", b"half_pixel") in ways
    scale = target.height // source.height
    exact = (target.height, target.width) == (scale * source.height, scale * source.width)
    return scale if plain and exact else 0


def _resize(call: Call) -> Step:
    source = call.first
    known = [call.value(index) if index < len(call.maps) else None for index in range(4)]
    scales, sizes = known[2], known[3]
    if sizes is not None and sizes.size == 4:
        height, width = (int(side) for side in sizes[2:])
    elif scales is not None and scales.size == 4:
        height, width = (int(side * scale) for side, scale in zip(source.shape[2:], scales[2:], strict=True))
    else:
        raise Uncuttable("its Resize names no size")
    factor = max(1, round(height / source.height))
    coarser = max(1, round(source.height / height))
    made = Map(source.channels, height, width, source.stride * coarser / factor)
    apart = (abs(side * coarser - old * factor) for side, old in zip((height, width), source.shape[2:], strict=True))
    if max(apart) >= max(factor, coarser):
        raise Uncuttable("its Resize does not keep the picture's proportions")
    _check_resize(call, resize_scale(call, source, made))
    # One pixel is what linear interpolation takes; another, the most that positions drift where sizes are no multiples.
    look = (3 if call.attributes.get("mode") == b"cubic" else 2) * coarser
    return Step((made,), -look * source.stride, look * source.stride, 8)


def _check_resize(call: Call, scale: int) -> None:
    mode, way = (call.attributes.get(name) for name in ("mode", "coordinate_transformation_mode"))
    if call.attributes.get("antialias", 0) or way in (b"tf_crop_and_resize", b"half_pixel_symmetric"):
        raise Uncuttable("its Resize filters in a way that needs the whole picture")
    if mode == b"cubic" and not scale:
        raise Uncuttable("its cubic Resize enlarges by no whole number")


def _concat(call: Call) -> Step:
    if call.attributes.get("axis") not in (1, -3) or None in call.maps:
        raise Uncuttable("its Concat joins something else than channels")
    found = [each for each in call.maps if each is not None]
    if len({(each.height, each.width, each.stride) for each in found}) > 1:
        raise Uncuttable("its Concat joins feature maps of different sizes")
    return Step((replace(call.first, channels=sum(each.channels for each in found)),))


def _slice(call: Call) -> Step:
    source = call.first
    starts, ends = call.numbers(1, "starts"), call.numbers(2, "ends")
    if starts is None or ends is None:
        raise Uncuttable("its Slice depends on the picture")
    axes = call.numbers(3, "axes") or list(range(len(starts)))
    steps = call.numbers(4, "steps") or [1] * len(starts)
    channels = source.channels
    for axis, start, end, stride in zip(axes, starts, ends, steps, strict=True):
        side = source.shape[axis % 4]
        count = len(range(side)[start:end:stride])
        if axis % 4 == 1:
            channels = count
        elif count != side or stride != 1:
            raise Uncuttable("its Slice cuts a part out of the picture")
    return Step((replace(source, channels=channels),))


def _split(call: Call) -> Step:
    if call.attributes.get("axis", 0) not in (1, -3):
        raise Uncuttable("its Split cuts the picture into parts")
    outputs = len(call.attributes["outputs"])
    sizes = call.numbers(1, "split") or [-(-call.first.channels // outputs)] * outputs
    return Step(tuple(replace(call.first, channels=size) for size in sizes))


def _gather(call: Call) -> Step:
    chosen = call.value(1) if call.maps[1] is None else None
    if call.attributes.get("axis", 0) not in (1, -3) or chosen is None or chosen.ndim != 1:
        raise Uncuttable("its Gather picks places of the picture")
    return Step((replace(call.first, channels=chosen.size),))


def _depth_to_space(call: Call) -> Step:
    source, block = call.first, int(call.attributes["blocksize"])
    fine = source.stride / block
    made = Map(source.channels // block**2, source.height * block, source.width * block, fine)
    return Step((made,), -fine * (block - 1), _NOWHERE)


def _space_to_depth(call: Call) -> Step:
    source, block = call.first, int(call.attributes["blocksize"])
    made = Map(source.channels * block**2, source.height // block, source.width // block, source.stride * block)
    return Step((made,), _NOWHERE, source.stride * (block - 1))


def _reshape(call: Call) -> Step:
    source, wanted = call.first, call.numbers(1, "shape")
    if wanted is None:
        raise Uncuttable("its Reshape depends on the picture")
    shape = _resolved(wanted, source.shape)
    full = replace(source, rows=0)
    if shape == full.shape:
        return Step((full,))
    if len(shape) == 3 and shape[0] == 1 and source.channels % shape[1] == 0:
        return Step((replace(source, rows=shape[1]),))
    raise Uncuttable("its Reshape mixes places of the picture")


def _resolved(wanted: list[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    known = [shape[index] if size == 0 else size for index, size in enumerate(wanted)]
    total = int(np.prod(shape))
    rest = int(np.prod([size for size in known if size != -1]))
    return tuple(total // max(1, rest) if size == -1 else size for size in known)


def _matmul(call: Call) -> Step:
    left = call.value(0) if call.maps[0] is None else None
    source = call.first
    if left is None or left.ndim < 2 or source.rows != source.channels:
        raise Uncuttable("its MatMul compares places of the picture with one another")
    rows = left.shape[-2]
    return Step((replace(source, channels=rows, rows=rows),), work=left.shape[-1])


def _reduce_channels(call: Call) -> Step:
    """Reduce over the channels alone; what reduces over the picture is no operator of one place."""
    if not call.attributes.get("keepdims", 1):
        raise Uncuttable(f"its {call.op} drops the channels")
    return Step((replace(call.first, channels=1),), work=call.first.channels)


_RULES: Final[Mapping[str, Callable[[Call], Step]]] = {
    "AveragePool": _pool,
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Gather": _gather,
    "MatMul": _matmul,
    "MaxPool": _pool,
    "Pad": _pad,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    **dict.fromkeys(
        ("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare"), _reduce_channels
    ),
}
