"""Style networks whose whole-picture statistics are given, the same for every frame of a shot, instead of measured.

A style network measures means and variances over the picture (instance normalisation, and what its colours need) and
divides by them; camera noise and moving people change them from frame to frame, and all colours with them. Here those
measurements become inputs: `FixedStatistics.of_frames` takes their mean over some frames, `FixedStatistics.model` is
the network that uses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.devices import DEVICES
from ganplugin.modelfile import read_model, taken_defaults
from ganplugin.runtime import Model
from ganplugin.sessions import SessionSpec, create_session

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

__all__ = ["FixedStatistics", "StyleCall"]

Array = NDArray[np.float32]

_REDUCTIONS: Final = frozenset(
    f"Reduce{kind}" for kind in ("Mean", "Sum", "SumSquare", "L1", "L2", "Max", "Min", "LogSum", "LogSumExp")
)
_WHOLE_POOLS: Final = frozenset({"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"})
_SIZES: Final = frozenset({"Shape", "Size", "ConstantOfShape"})
"""What these return does not depend on the picture's values."""


@dataclass(frozen=True)
class StyleCall:
    """What goes into the network beside the picture, as `Model.stylize` takes it."""

    style: Array | None = None
    style_weights: Array | None = None
    strength: float | None = None


@dataclass(frozen=True)
class FixedStatistics:
    """The statistics that a style network measures over whole pictures, as inputs of a copy of it.

    Found are instance normalisations and reductions over height and width, as far as they look at the picture that is
    painted. What else a network computes of the whole (attention, say) it goes on computing for each picture.
    """

    source: Model

    @cached_property
    def _graphs(self) -> _Graphs:
        return _Graphs.of(self.source)

    def mean(self, pictures: Iterable[Array], call: StyleCall) -> dict[str, Array]:
        """Return the mean of each statistic over pictures [h, w, 3]; one is in memory. Empty if there are none."""
        found = [self._measured(picture, call) for picture in (pictures if self._graphs.names else ())]
        return {name: np.mean([one[name] for one in found], axis=0) for name in self._graphs.names if found}

    def _measured(self, picture: Array, call: StyleCall) -> dict[str, Array]:
        feeds = self.source.style_feeds(picture[None], call.style, call.style_weights, call.strength)
        found = self._measuring.run(feeds.part(0, 1), self._graphs.names)
        return {name: self._graphs.as_input(name, value) for name, value in found.items()}

    def model(self, statistics: Mapping[str, Array]) -> Model:
        """Return the network with these statistics in place of what it would measure; itself if there are none."""
        return self.source.over(self._given_session, statistics) if statistics else self.source

    @cached_property
    def _measuring(self) -> Model:
        return self.source.over(self._session(self._graphs.measuring), {})

    @cached_property
    def _given_session(self) -> Any:  # noqa: ANN401 - onnxruntime.InferenceSession
        return self._session(self._graphs.given)

    def _session(self, content: bytes) -> Any:  # noqa: ANN401
        model = self.source
        return create_session(SessionSpec(model.path, model.device, model.options.threads, content=content))


@dataclass(frozen=True)
class _Graphs:
    """The network with each statistic as an output more (``measuring``), or as an input instead (``given``).

    ``vectors`` are the names of those that go in as one number a channel.
    """

    names: tuple[str, ...]
    vectors: frozenset[str]
    measuring: bytes
    given: bytes

    @classmethod
    def of(cls, model: Model) -> _Graphs:
        proto, _ = read_model(model.path)
        if DEVICES[model.device.kind].bakes_defaults:
            taken_defaults(proto)
        measuring, given = proto, _copy(proto)
        names: list[str] = []
        vectors: list[str] = []
        for node in tuple(_statistics(given.graph)):
            if node.op_type == "InstanceNormalization":
                mean_and_variance = _measure_normalisation(measuring.graph, node, len(names))
                _give_normalisation(given.graph, node, mean_and_variance)
                vectors += mean_and_variance
                names += mean_and_variance
            else:
                given.graph.node.remove(node)
                _add_input(given.graph, node.output[0], None)
                names.append(node.output[0])
        _add_outputs(measuring.graph, names)
        return cls(tuple(names), frozenset(vectors), measuring.SerializeToString(), given.SerializeToString())

    def as_input(self, name: str, value: Array) -> Array:
        """Return what was measured in the shape that ``given`` takes."""
        return value.reshape(-1) if name in self.vectors else value


def _copy(proto: ModelProto) -> ModelProto:
    from onnx import ModelProto

    copy = ModelProto()
    copy.CopyFrom(proto)
    return copy


def _statistics(graph: GraphProto) -> Iterator[NodeProto]:
    """Yield the nodes that reduce something made of the picture over its whole height and width."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    seen = {"content"}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
        if node.op_type in _SIZES or seen.isdisjoint(node.input):
            continue
        seen.update(node.output)
        if node.op_type == "InstanceNormalization" or node.op_type in _WHOLE_POOLS or _is_whole(node, constants):
            yield node


def _is_whole(node: NodeProto, constants: Mapping[str, TensorProto]) -> bool:
    """Tell whether a node reduces height and width of [batch, channels, height, width]."""
    from onnx import numpy_helper

    if node.op_type not in _REDUCTIONS:
        return False
    axes = [axis for attribute in node.attribute if attribute.name == "axes" for axis in attribute.ints]
    if len(node.input) > 1 and node.input[1] in constants:
        axes = [int(axis) for axis in numpy_helper.to_array(constants[node.input[1]]).ravel()]
    return {2, 3} <= {axis % 4 for axis in axes}


def _measure_normalisation(graph: GraphProto, node: NodeProto, number: int) -> tuple[str, str]:
    """Add what computes mean and variance of a normalisation's input; return the names of the two."""
    from onnx import helper

    mean, variance = f"ganplugin_mean_{number}", f"ganplugin_variance_{number}"
    centred, squared = f"{mean}_centred", f"{mean}_squared"
    graph.node.extend(
        [
            helper.make_node("GlobalAveragePool", [node.input[0]], [mean]),
            helper.make_node("Sub", [node.input[0], mean], [centred]),
            helper.make_node("Mul", [centred, centred], [squared]),
            helper.make_node("GlobalAveragePool", [squared], [variance]),
        ]
    )
    return mean, variance


def _give_normalisation(graph: GraphProto, node: NodeProto, names: tuple[str, str]) -> None:
    """Make of an instance normalisation the operator that takes mean and variance as inputs; all else is the same."""
    node.op_type = "BatchNormalization"
    node.input.extend(names)
    for name in names:
        _add_input(graph, name, ["channels"])


def _add_input(graph: GraphProto, name: str, shape: list[str] | None) -> None:
    from onnx import TensorProto, helper

    graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def _add_outputs(graph: GraphProto, names: list[str]) -> None:
    from onnx import TensorProto, helper

    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
