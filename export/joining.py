"""Two foreign ONNX files of which one feeds the other, such as a style's encoder and the painter, made one graph."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import CheckpointError
from ganplugin.export.foreign import Foreign, ForeignPort, prefixed
from ganplugin.export.trial import Trial

__all__ = ["JoinedTrial", "joined"]

_FIRST: Final = "style/"


def joined(one: Foreign, other: Foreign) -> tuple[Foreign, JoinedTrial]:
    """Return the graph in which one file's output goes into the other's input, and both as they are, to run.

    Raises `CheckpointError` if neither has an output that the other takes, or several fit.
    """
    for first, second in ((one, other), (other, one)):
        links = [(out, into) for out in first.outputs for into in second.inputs if _fit(out, into)]
        named = [link for link in links if link[0].name == link[1].name] or links
        if len(named) == 1:
            out, into = named[0]
            return _linked(first, second, out, into), JoinedTrial((first, second), out, into)
    raise CheckpointError(
        "and the other file do not fit together: neither takes what the other returns",
        where=one.path,
        fix="adopt them one by one",
    )


def _fit(out: ForeignPort, into: ForeignPort) -> bool:
    """Return whether an output can be an input: one type, one shape, and not just any picture."""
    alike = all(a in (b, None) or b is None for a, b in zip(out.shape, into.shape, strict=False))
    is_picture = len(into.shape) == 4 and into.shape[1:3] != (1, 1) and into.shape[2:] != (1, 1)
    return out.dtype == into.dtype and len(out.shape) == len(into.shape) and alike and not is_picture


def _linked(first: Foreign, second: Foreign, out: ForeignPort, into: ForeignPort) -> Foreign:
    from onnx import helper

    if first.opset != second.opset:
        raise CheckpointError(
            f"uses opset {first.opset}, the other file {second.opset}", where=first.path, fix="export both with one"
        )
    before, proto = prefixed(first.proto, _FIRST), type(second.proto)()
    proto.CopyFrom(second.proto)
    graph, inputs = proto.graph, [value for value in proto.graph.input if value.name != into.name]
    nodes = [*before.graph.node, helper.make_node("Identity", [_FIRST + out.name], [into.name]), *graph.node]
    for field, values in ((graph.node, nodes), (graph.input, [*inputs, *before.graph.input])):
        kept = [type(value).FromString(value.SerializeToString()) for value in values]
        del field[:]
        field.extend(kept)
    graph.initializer.extend(before.graph.initializer)
    ports = tuple(replace(port, name=_FIRST + port.name) for port in first.inputs)
    rest = tuple(port for port in second.inputs if port.name != into.name)
    return replace(second, proto=proto, inputs=(*rest, *ports))


class JoinedTrial(Trial):
    """Two files run one after the other, each as it is."""

    def __init__(self, files: tuple[Foreign, Foreign], out: ForeignPort, into: ForeignPort) -> None:
        with contextlib.ExitStack() as opened:
            self._first, self._second = (opened.enter_context(Trial(foreign.path)) for foreign in files)
            self._opened = opened.pop_all()
        self._out, self._into = out, into

    def run(self, feeds: Mapping[str, NDArray[np.generic]], output: str) -> NDArray[np.generic]:
        """Return one output of the second file. Raises `CheckpointError` if a run fails."""
        early = {name.removeprefix(_FIRST): value for name, value in feeds.items() if name.startswith(_FIRST)}
        late = {name: value for name, value in feeds.items() if not name.startswith(_FIRST)}
        between = self._first.run(early, self._out.name)
        return self._second.run({**late, self._into.name: between}, output)

    def close(self) -> None:
        """End both processes."""
        self._opened.close()
