"""Which numbers a foreign network takes and gives for black and white, read off the operators at its two ends."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ganplugin.errors import InputError
from ganplugin.export.foreign import attribute_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["BYTE", "SYMMETRIC", "UNIT", "GraphEnds", "ValueRange", "parse_ranges"]


@dataclass(frozen=True)
class ValueRange:
    """The number for black and the number for white."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"

    @property
    def span(self) -> float:
        """White minus black."""
        return self.high - self.low

    def moved(self, factor: float, shift: float) -> ValueRange:
        """Return the range after every value was multiplied and shifted."""
        ends = self.low * factor + shift, self.high * factor + shift
        return ValueRange(min(ends), max(ends))

    def clipped(self, low: float, high: float) -> ValueRange:
        """Return the range after clipping."""
        return ValueRange(max(self.low, low), min(self.high, high))

    def is_near(self, other: ValueRange) -> bool:
        """Return whether both ends agree to half a percent of the other's span."""
        near = 0.005 * other.span
        return abs(self.low - other.low) <= near and abs(self.high - other.high) <= near


UNIT: Final = ValueRange(0, 1)
SYMMETRIC: Final = ValueRange(-1, 1)
BYTE: Final = ValueRange(0, 255)
_COMMON: Final = (UNIT, SYMMETRIC, BYTE)
_INNER: Final = (UNIT, SYMMETRIC, ValueRange(-0.5, 0.5))
_ANYTHING: Final = ValueRange(-math.inf, math.inf)
_SHAPING: Final = frozenset(
    {
        "Identity",
        "Transpose",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
        "Cast",
        "QuantizeLinear",
        "DequantizeLinear",
        "Flatten",
    }
)
_BOUNDED: Final = {"Sigmoid": UNIT, "HardSigmoid": UNIT, "Tanh": SYMMETRIC, "Sin": SYMMETRIC, "Cos": SYMMETRIC}
_LONGEST: Final = 40
_RANGE: Final = re.compile(r"\[?\s*(-?\d+(?:\.\d+)?)\s*(?:\.\.|,)\s*(-?\d+(?:\.\d+)?)\s*\]?")


def parse_ranges(text: str) -> tuple[ValueRange, ValueRange]:
    """Read ``-1..1`` (both ends of the network), or ``0..255:0..1`` (what goes in, what comes out).

    Raises `InputError` for anything else.
    """
    parts = [_RANGE.fullmatch(part.strip()) for part in text.split(":")]
    found = [ValueRange(float(match[1]), float(match[2])) for match in parts if match is not None]
    if len(found) != len(parts) or len(found) > 2 or any(part.span <= 0 for part in found):
        raise InputError(f"{text!r} is not a range of values", where="--range", fix="write -1..1, 0..1 or 0..255")
    return found[0], found[-1]


class GraphEnds:
    """The operators next to the inputs and outputs of a graph."""

    def __init__(self, proto: ModelProto) -> None:
        from onnx import numpy_helper

        self._makers: dict[str, NodeProto] = {}
        self._users: dict[str, list[NodeProto]] = {}
        self._constants = {tensor.name: tensor for tensor in proto.graph.initializer}
        self._to_array = numpy_helper.to_array
        for node in proto.graph.node:
            self._makers.update(dict.fromkeys(node.output, node))
            for name in node.input:
                self._users.setdefault(name, []).append(node)

    def range_of_output(self, name: str) -> ValueRange | None:
        """Return the range that the last operators force on an output, if it is one of the common ones."""
        found = self._interval(name, _LONGEST)
        return next((common for common in _COMMON if found.is_near(common)), None)

    def range_of_input(self, name: str) -> ValueRange | None:
        """Return the range from which the first operators come to a common inner one; None if they do not scale."""
        factor, shift, is_scaled = 1.0, 0.0, False
        for _ in range(_LONGEST):
            node = self._only_user(name)
            if node is None:
                break
            step = (1.0, 0.0) if node.op_type in _SHAPING else self._affine(node, name)
            if step is None:
                break
            is_scaled = is_scaled or step != (1.0, 0.0)
            factor, shift, name = factor * step[0], shift * step[0] + step[1], node.output[0]
        if not is_scaled:
            return None
        fitting = (r for r in (UNIT, BYTE, SYMMETRIC) if any(r.moved(factor, shift).is_near(i) for i in _INNER))
        return next(fitting, None)

    def _only_user(self, name: str) -> NodeProto | None:
        users = self._users.get(name, [])
        return users[0] if len(users) == 1 else None

    def _interval(self, name: str, left: int) -> ValueRange:
        node = self._makers.get(name)
        if node is None or left == 0:
            return _ANYTHING
        if node.op_type in _BOUNDED:
            return _BOUNDED[node.op_type]
        if node.op_type in _SHAPING:
            return self._interval(node.input[0], left - 1)
        if node.op_type == "Clip":
            return self._interval(node.input[0], left - 1).clipped(*self._clip_bounds(node))
        if node.op_type in ("Min", "Max") and len(node.input) == 2:
            return self._bounded(node, left)
        for source in node.input:
            step = self._affine(node, source)
            if step is not None:
                return self._interval(source, left - 1).moved(*step)
        return _ANYTHING

    def _bounded(self, node: NodeProto, left: int) -> ValueRange:
        for source, other in (node.input, (node.input[1], node.input[0])):
            bound = self._number(other)
            if bound is not None:
                low, high = (-math.inf, bound) if node.op_type == "Min" else (bound, math.inf)
                return self._interval(source, left - 1).clipped(low, high)
        return _ANYTHING

    def _clip_bounds(self, node: NodeProto) -> tuple[float, float]:
        given = [self._number(name) for name in (*node.input[1:3], "", "")[:2]]
        low = given[0] if given[0] is not None else attribute_of(node, "min")
        high = given[1] if given[1] is not None else attribute_of(node, "max")
        return (-math.inf if low is None else float(low)), (math.inf if high is None else float(high))

    def _affine(self, node: NodeProto, source: str) -> tuple[float, float] | None:
        """Return (factor, shift) of an operator that scales or shifts ``source`` by one number, else None."""
        if node.op_type == "Neg":
            return -1.0, 0.0
        if node.op_type not in ("Add", "Sub", "Mul", "Div") or len(node.input) != 2:
            return None
        is_first = node.input[0] == source
        number = self._number(node.input[1] if is_first else node.input[0])
        if number is None or (node.op_type == "Div" and (number == 0 or not is_first)):
            return None
        steps = {
            "Add": (1.0, number),
            "Sub": (1.0, -number) if is_first else (-1.0, number),
            "Mul": (number, 0.0),
            "Div": (1 / (number or 1), 0.0),
        }
        return steps[node.op_type]

    def _number(self, name: str) -> float | None:
        """Return the one number that a constant holds throughout, or None."""
        tensor = self._constants.get(name)
        if tensor is None:
            node = self._makers.get(name)
            if node is None or node.op_type != "Constant":
                return None
            tensor = attribute_of(node, "value")
            if tensor is None:
                plain = attribute_of(node, "value_float")
                return None if plain is None else float(plain)
        values = np.asarray(self._to_array(tensor)).astype(np.float64)
        return float(values.flat[0]) if values.size and bool(np.all(values == values.flat[0])) else None
