"""A foreign network run as its makers meant it, numpy bringing pictures into its form: what adoption must equal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import CheckpointError, ModelError
from ganplugin.export.cases import Array
from ganplugin.export.graph_nodes import GraphNodes, port
from ganplugin.export.plan import Plan
from ganplugin.export.roles import Picture
from ganplugin.export.value_ranges import ValueRange
from ganplugin.isolated import IsolatedSession
from ganplugin.sessions import load_onnxruntime

__all__ = ["LUMA", "Trial", "resized"]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601 weights, for networks that take grey pictures."""

_RESIZE_OPSET: Final = 13


class Trial:
    """An ONNX file opened as it is, in a process of its own. Raises `ModelError` if onnxruntime refuses it.

    Use it as a context manager: leaving it ends that process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session = IsolatedSession(path)

    def run(self, feeds: Mapping[str, NDArray[np.generic]], output: str) -> NDArray[np.generic]:
        """Return one output. Raises `CheckpointError` if the run fails."""
        try:
            return self._session.run(feeds, [output])[output]
        except ModelError as error:
            raise CheckpointError(error.what, where=self._path) from error

    def close(self) -> None:
        """End the process."""
        self._session.close()

    def __enter__(self) -> Trial:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def compute(self, plan: Plan, feeds: Mapping[str, Array]) -> Array:
        """Return what the original makes of ``feeds``, which are in the model file's form, one row after the other."""
        roles = plan.roles
        names = {"content": roles.picture, "image": roles.picture, "z": roles.z, "label": roles.label}
        rows = next(len(value) for name, value in feeds.items() if names.get(name) is not None)
        found = []
        for row in range(rows):
            one = {name: value[row : row + 1] if name in names else value for name, value in feeds.items()}
            found.append(_as_ours(plan, self.run(foreign_feeds(plan, one), roles.output.name)))
        return np.concatenate(found)


def foreign_feeds(plan: Plan, feeds: Mapping[str, Array]) -> dict[str, NDArray[np.generic]]:
    """Return one row of the model file's inputs in the original's names, layouts, ranges and types."""
    roles = plan.roles
    found: dict[str, NDArray[np.generic]] = {
        given.name: np.ones(plan.foreign.shape_of(given.name), given.dtype) for given in roles.constant_ones
    }
    for name, picture in (("content", roles.picture), ("image", roles.picture), ("style", roles.style)):
        if picture is not None and name in feeds:
            found[picture.port.name] = _pictured(feeds[name], picture, plan.taken)
    for name, given in (("z", roles.z), ("label", roles.label)):
        if given is not None and name in feeds:
            found[given.name] = feeds[name].reshape([axis or 1 for axis in given.shape]).astype(given.dtype)
    if roles.style_weights is not None and "style_weights" in feeds:
        weights = feeds["style_weights"]
        found[roles.style_weights] = (weights / weights.sum()).astype(np.float32)
    if roles.strength is not None and "strength" in feeds:
        shape = plan.foreign.shape_of(roles.strength)
        found[roles.strength] = np.asarray(feeds["strength"], np.float32).reshape(shape)
    return found


def _pictured(planes: Array, picture: Picture, taken: ValueRange) -> NDArray[np.generic]:
    if picture.channels == 1 and planes.shape[1] == 3:
        planes = np.einsum("nchw,c->nhw", planes, LUMA)[:, None]
    if picture.height is not None and picture.width is not None:
        planes = resized(planes, picture.height, picture.width)
    values = planes * np.float32(taken.span) + np.float32(taken.low)
    if picture.layout == "nhwc":
        values = values.transpose(0, 2, 3, 1)
    if picture.port.dtype == "uint8":
        values = np.rint(values).clip(0, 255)
    return np.ascontiguousarray(values.astype(picture.port.dtype))


def _as_ours(plan: Plan, values: NDArray[np.generic]) -> Array:
    plain = values.astype(np.float32)
    if plan.roles.kind == "scorer":
        means: Array = plain.reshape(len(plain) if plain.ndim else 1, -1).mean(axis=1)
        return means
    if plan.output_layout == "nhwc":
        plain = plain.transpose(0, 3, 1, 2)
    scaled = (plain - np.float32(plan.given.low)) / np.float32(plan.given.span)
    return np.ascontiguousarray(scaled.clip(0, 1))


def resized(planes: Array, height: int, width: int) -> Array:
    """Return [n, c, h, w] at another size: ONNX's linear Resize, run alone.

    A quantised network turns the last bit of another implementation into visible steps.
    """
    if planes.shape[2:] == (height, width):
        return planes
    from onnx import helper

    nodes = GraphNodes(_RESIZE_OPSET, "")
    sizes = nodes.constant(np.array([*planes.shape[:2], height, width], np.int64))
    nodes.add("Resize", "x", "", "", sizes, out="y", attributes={"mode": "linear"})
    ends = [port("x", "float32", planes.shape)], [port("y", "float32", None)]
    graph = helper.make_graph(nodes.nodes, "resize", *ends, nodes.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _RESIZE_OPSET)], ir_version=8)
    session = load_onnxruntime().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: Array = session.run(["y"], {"x": planes})[0]
    return found
