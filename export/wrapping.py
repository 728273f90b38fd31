"""The contract around a foreign network, as nodes of the same graph: names, layouts, ranges, types, free batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.export.foreign import ForeignPort, prefixed
from ganplugin.export.graph_nodes import GraphNodes, port
from ganplugin.export.plan import Plan
from ganplugin.export.roles import Picture
from ganplugin.export.trial import LUMA

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto, ValueInfoProto

__all__ = ["painting", "wrapped"]

_NET: Final = "network/"
_PAINTING_SIDE: Final = 64


def painting() -> NDArray[np.float32]:
    """Return a plain stand-in for a style picture, [1, 3, 64, 64], 0..1: colours that run into one another."""
    ramp = np.linspace(0, 1, _PAINTING_SIDE, dtype=np.float32)
    across, down = np.meshgrid(ramp, ramp)
    return np.stack([across, down, 0.5 + 0.5 * np.cos(6 * (across - down))])[None].astype(np.float32)


def wrapped(plan: Plan, *, one_by_one: bool) -> ModelProto:
    """Return the network as a graph that fulfils the contract of its kind.

    ``one_by_one`` runs it once for each row of the batch (an ONNX Scan), for networks that are frozen to one row or
    whose rows depend on one another.
    """
    wrapper = _Wrapper(plan)
    for make in (wrapper.pictures, wrapper.latents, wrapper.options):
        make()
    wrapper.network(one_by_one=one_by_one)
    (wrapper.scores if plan.roles.kind == "scorer" else wrapper.shown)()
    return wrapper.model()


class _Wrapper:
    """Collects the nodes around the network and the network itself. Names of the network begin with ``network/``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.inner = prefixed(plan.foreign.proto, _NET)
        self.body = GraphNodes(plan.foreign.opset, "")
        self.inputs: list[ValueInfoProto] = []
        self.outputs: list[ValueInfoProto] = []
        self.rows: list[tuple[ForeignPort, str]] = []
        self.fed: set[str] = set()

    def pictures(self) -> None:
        """Add ``content`` or ``image``, and ``style``."""
        roles = self.plan.roles
        if roles.picture is not None:
            name = "content" if roles.kind == "style" else "image"
            channels = 3 if roles.kind == "style" else roles.picture.channels or 3
            sides = (roles.picture.height or "height", roles.picture.width or "width")
            self._input(name, ("batch", channels, *sides))
            self.rows.append((roles.picture.port, self._framed(name, roles.picture, channels)))
        if roles.style is not None:
            self._input("style", (1, 3, "style_height", "style_width"), self._painting(roles.style))
            self._feed(roles.style.port.name, self._framed(self._sized("style", roles.style), roles.style, 3))

    def latents(self) -> None:
        """Add ``z`` and ``label``."""
        for name, given in (("z", self.plan.roles.z), ("label", self.plan.roles.label)):
            if given is not None:
                shape = [axis or 1 for axis in given.shape[1:]]
                self._input(name, ("batch", math.prod(shape)))
                flat = self.body.add("Reshape", name, self.body.constant(np.array([-1, *shape], np.int64)))
                self.rows.append((given, self.body.cast(flat, "float32", given.dtype)))

    def options(self) -> None:
        """Add ``style_weights`` (of any sum) and ``strength``; what has one sensible value becomes a constant."""
        roles, foreign = self.plan.roles, self.plan.foreign
        if roles.style_weights is not None:
            default, (count, *_) = foreign.defaults.get(roles.style_weights), foreign.shape_of(roles.style_weights)
            self._input("style_weights", (count,), np.eye(1, count)[0] if default is None else default)
            total = self.body.add("ReduceSum", "style_weights", attributes={"keepdims": 1})
            self._feed(roles.style_weights, self.body.add("Div", "style_weights", total))
        if roles.strength is not None:
            default, shape = foreign.defaults.get(roles.strength), foreign.shape_of(roles.strength)
            self._input("strength", (), np.ones(()) if default is None else default.reshape(()))
            sizes = self.body.constant(np.array(shape, np.int64))
            self._feed(roles.strength, self.body.add("Reshape", "strength", sizes))
        for given in roles.constant_ones:
            self._feed(given.name, self.body.constant(np.ones(foreign.shape_of(given.name), given.dtype)))

    def network(self, *, one_by_one: bool) -> None:
        """Add the network's own nodes, for the whole batch or inside a loop over its rows."""
        weights = [tensor for tensor in self.inner.graph.initializer if tensor.name not in self.fed]
        if one_by_one:
            self._loop(weights)
            return
        for given, name in self.rows:
            self._feed(given.name, name)
        self.body.nodes.extend(self.inner.graph.node)
        self.body.constants.extend(weights)

    def _loop(self, weights: list[TensorProto]) -> None:
        from onnx import helper

        output = self.plan.roles.output
        row = GraphNodes(self.plan.foreign.opset, "row/")
        inputs = [port(f"row/{given.name}", given.dtype, given.shape[1:]) for given, _ in self.rows]
        for value, (given, _) in zip(inputs, self.rows, strict=True):
            row.first_axis("Unsqueeze", value.name, _NET + given.name)
        row.nodes.extend(self.inner.graph.node)
        result = port(row.first_axis("Squeeze", _NET + output.name, f"row/{output.name}"), output.dtype, None)
        graph = helper.make_graph(row.nodes, "row", inputs, [result], [*weights, *row.constants])
        attributes = {"body": graph, "num_scan_inputs": len(inputs)}
        self.body.add("Scan", *(name for _, name in self.rows), out=_NET + output.name, attributes=attributes)

    def shown(self) -> None:
        """Add ``image``: planes first, 0..1, clamped."""
        channels, *sides = self.plan.output_picture
        x = self._returned()
        if self.plan.output_layout == "nhwc":
            x = self.body.add("Transpose", x, attributes={"perm": [0, 3, 1, 2]})
        given = self.plan.given
        self.body.clip(self.body.scale(x, 1 / given.span, -given.low / given.span), 0, 1, out="image")
        picture = self.plan.roles.picture
        is_free = picture is not None and picture.height is None
        shape = ("batch", channels, *(("image_2", "image_3") if is_free else sides))
        self.outputs.append(port("image", "float32", shape))

    def scores(self) -> None:
        """Add ``score`` [batch]: the mean where the network returns a map of scores."""
        x, many = self._returned(), math.prod(self.plan.output_shape[1:])
        if many > 1:
            flat = self.body.constant(np.array([-1, 1, 1, many], np.int64))
            x = self.body.add("GlobalAveragePool", self.body.add("Reshape", x, flat))
        self.body.add("Reshape", x, self.body.constant(np.array([-1], np.int64)), out="score")
        self.outputs.append(port("score", "float32", ("batch",)))

    def model(self) -> ModelProto:
        """Return the whole graph."""
        from onnx import helper

        from ganplugin import __version__

        graph = helper.make_graph(self.body.nodes, "ganplugin", self.inputs, self.outputs, self.body.constants)
        proto = helper.make_model(graph, opset_imports=list(self.inner.opset_import))
        proto.ir_version = self.inner.ir_version
        proto.producer_name, proto.producer_version = "ganplugin", __version__
        return proto

    def _input(self, name: str, shape: Sequence[int | str], default: object = None) -> None:
        from onnx import numpy_helper

        self.inputs.append(port(name, "float32", shape))
        if default is not None:
            self.body.constants.append(numpy_helper.from_array(np.asarray(default, np.float32), name))

    def _feed(self, given: str, name: str) -> None:
        self.fed.add(self.body.add("Identity", name, out=_NET + given))

    def _returned(self) -> str:
        output = self.plan.roles.output
        return self.body.cast(_NET + output.name, output.dtype, "float32")

    def _painting(self, picture: Picture) -> NDArray[np.float32]:
        stored = self.plan.foreign.defaults.get(picture.port.name)
        if stored is None:
            return painting()
        planes = stored.transpose(0, 3, 1, 2) if picture.layout == "nhwc" else stored
        return ((planes - self.plan.taken.low) / self.plan.taken.span).astype(np.float32)

    def _sized(self, name: str, picture: Picture) -> str:
        """Bring a style picture of any size to the one that the network takes."""
        if picture.height is None or picture.width is None:
            return name
        sizes = self.body.constant(np.array([1, 3, picture.height, picture.width], np.int64))
        return self.body.add("Resize", name, "", "", sizes, attributes={"mode": "linear"})

    def _framed(self, name: str, picture: Picture, channels: int) -> str:
        """Pictures 0..1, planes first, in the network's channels, range, layout and type."""
        if picture.channels == 1 and channels == 3:
            name = self.body.add("Conv", name, self.body.constant(LUMA.reshape(1, 3, 1, 1)))
        name = self.body.scale(name, self.plan.taken.span, self.plan.taken.low)
        if picture.layout == "nhwc":
            name = self.body.add("Transpose", name, attributes={"perm": [0, 2, 3, 1]})
        if picture.port.dtype == "uint8":
            name = self.body.clip(self.body.add("Round", name), 0, 255)
        return self.body.cast(name, "float32", picture.port.dtype)
