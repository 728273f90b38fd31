"""A rebuilt network becomes an ONNX graph: dynamic batch, optional inputs with their defaults, nothing local inside."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.export import Dim

from ganplugin.errors import DependencyError, ExportError
from ganplugin.export.simplify import simplify
from ganplugin.models.network import GraphInput, Network

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

__all__ = ["OPSET", "convert", "example_inputs"]

OPSET: Final = 18
_IR_VERSION: Final = 8
_EXAMPLE_BATCH: Final = 2
_EXAMPLE_SIDES: Final = {"height": 2, "width": 3, "style_height": 3, "style_width": 2}
_EXAMPLE_UNIT: Final = 32
_COLOUR: Final = re.compile("\x1b\\[[0-9;]*m")
_CHATTERS: Final = ("torch.onnx", "torch.export", "torch._dynamo", "onnxscript", "onnx_ir")


def convert(network: Network) -> ModelProto:
    """Return the network as an ONNX graph of opset 18, with every optional input's default inside.

    The same network gives the same bytes. Raises `ExportError` if torch cannot convert it.
    """
    with quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                _Positional(network.module),
                example_inputs(network),
                dynamo=True,
                opset_version=OPSET,
                input_names=[given.name for given in network.inputs],
                output_names=list(network.outputs),
                dynamic_shapes=(tuple(_dynamic_axes(given) for given in network.inputs),),
                verbose=False,
                external_data=False,
                optimize=False,
            )
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            raise ExportError(f"torch could not convert it: {_reason(error)}") from error
        except ImportError as error:
            raise DependencyError(f"export needs {error.name}", fix="pip install 'ganplugin[train]'") from error
    if program is None:
        raise ExportError("torch converted it to nothing")
    with quiet():
        simplify(program.model)
    proto: ModelProto = program.model_proto
    _strip(proto)
    _name_axes(proto, network)
    _add_defaults(proto.graph, network)
    return proto


def _reason(error: BaseException) -> str:
    """Return the first lines of the error at the root: torch wraps it in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip(" -") for line in _COLOUR.sub("", str(error)).splitlines() if line.strip()]
    return (" ".join(lines[:2]) or type(error).__name__)[:300]


class _Positional(nn.Module):
    """A module under the one signature that describes any number of inputs (a generator has one a noise map)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> object:
        return self.module(*inputs)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep torch's chatter off stdout, and its warnings and log lines to itself, for the length of a block."""
    loggers = [logging.getLogger(name) for name in _CHATTERS]
    levels = [logger.level for logger in loggers]
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def example_inputs(network: Network) -> tuple[Tensor, ...]:
    """Return inputs to trace with: batch 2 and unequal sides, since 1 and equal sizes would be taken as constants."""
    generator = torch.Generator().manual_seed(0)
    multiple = network.facts.get("size_multiple", 1)
    unit = math.lcm(_EXAMPLE_UNIT, multiple if isinstance(multiple, int) else 1)
    return tuple(torch.rand(_example_shape(given, unit), generator=generator) for given in network.inputs)


def _example_shape(given: GraphInput, unit: int) -> tuple[int, ...]:
    sides = {axis: unit * times for axis, times in _EXAMPLE_SIDES.items()}
    return tuple(axis if isinstance(axis, int) else sides.get(axis, _EXAMPLE_BATCH) for axis in given.shape)


def _dynamic_axes(given: GraphInput) -> dict[int, object]:
    return {place: Dim.DYNAMIC for place, axis in enumerate(given.shape) if isinstance(axis, str)}


def _strip(proto: ModelProto) -> None:
    """Remove what torch writes beside the network: stack traces with local paths, doc strings, inner shapes."""
    from ganplugin import __version__

    proto.ir_version = _IR_VERSION
    proto.producer_name, proto.producer_version, proto.doc_string = "ganplugin", __version__, ""
    del proto.metadata_props[:]
    graph = proto.graph
    graph.name = "ganplugin"
    graph.doc_string = ""
    del graph.metadata_props[:], graph.value_info[:], graph.quantization_annotation[:]
    for entry in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        entry.doc_string = ""
        del entry.metadata_props[:]


def _name_axes(proto: ModelProto, network: Network) -> None:
    for value, given in zip(proto.graph.input, network.inputs, strict=True):
        for place, (axis, wanted) in enumerate(zip(value.type.tensor_type.shape.dim, given.shape, strict=True)):
            if isinstance(wanted, str) and axis.HasField("dim_value"):
                raise ExportError(f"torch froze the axis {wanted!r} of the input {given.name!r} to {axis.dim_value}")
            if isinstance(wanted, str):
                # An optional input may have one row or as many as the batch; the graph broadcasts.
                axis.dim_param = "rows" if place == 0 and given.default is not None else wanted
    for value in proto.graph.output:
        for place, axis in enumerate(value.type.tensor_type.shape.dim):
            if not axis.HasField("dim_value"):
                axis.dim_param = "batch" if place == 0 else f"{value.name}_{place}"


def _add_defaults(graph: GraphProto, network: Network) -> None:
    from onnx import numpy_helper

    for given in network.inputs:
        if given.default is not None:
            value = given.default.detach().to(torch.float32).contiguous().numpy()
            graph.initializer.append(numpy_helper.from_array(value, given.name))
