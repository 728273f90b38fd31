"""A few ONNX nodes written by hand, for every operator set from 11 on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto, ValueInfoProto

__all__ = ["GraphNodes", "port"]

_AXES_ARE_INPUTS: Final = 13


def port(name: str, dtype: str, shape: Sequence[int | str | None] | None) -> ValueInfoProto:
    """Return the description of an input or output; ``shape`` is None where even the number of axes is unknown."""
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


class GraphNodes:
    """Collects nodes and constants; every made name begins with ``prefix``."""

    def __init__(self, opset: int, prefix: str) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._opset = opset
        self._prefix = prefix

    def constant(self, value: Any) -> str:  # noqa: ANN401 - anything that numpy takes as an array
        """Add a constant of the value's own type and return its name."""
        from onnx import numpy_helper

        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, kind: str, *names: str, out: str = "", attributes: Mapping[str, Any] | None = None) -> str:
        """Add a node with one output and return that output's name."""
        from onnx import helper

        name = out or f"{self._prefix}value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(names), [name], **(attributes or {})))
        return name

    def cast(self, name: str, before: str, after: str) -> str:
        """Add a conversion from one type to another, if they differ."""
        from onnx import helper

        if before == after:
            return name
        return self.add("Cast", name, attributes={"to": helper.np_dtype_to_tensor_dtype(np.dtype(after))})

    def scale(self, name: str, factor: float, shift: float) -> str:
        """Add value * factor + shift, but for what would change nothing."""
        if factor != 1:
            name = self.add("Mul", name, self.constant(np.float32(factor)))
        return self.add("Add", name, self.constant(np.float32(shift))) if shift else name

    def clip(self, name: str, low: float, high: float, out: str = "") -> str:
        """Add a clipping of float32 values."""
        return self.add("Clip", name, self.constant(np.float32(low)), self.constant(np.float32(high)), out=out)

    def first_axis(self, kind: str, name: str, out: str) -> str:
        """Add ("Unsqueeze") or remove ("Squeeze") a first axis of one."""
        if self._opset >= _AXES_ARE_INPUTS:
            return self.add(kind, name, self.constant(np.array([0], np.int64)), out=out)
        return self.add(kind, name, out=out, attributes={"axes": [0]})
