"""Foreign ONNX files that cannot be adopted: each is refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ganplugin.errors import GanPluginError
from ganplugin.export.adopt import adopt_onnx
from tests.export.foreign_files import ForeignGraph


def _enlarged_by(rows: float, columns: float) -> Callable[[ForeignGraph], None]:
    def make(graph: ForeignGraph) -> None:
        x = graph.input("x", ["n", 3, "h", "w"])
        scales = graph.constant(np.array([1, 1, rows, columns], np.float32))
        graph.op("Sigmoid", graph.op("Resize", x, "", scales, mode="nearest"), out="y")
        graph.output("y", ["n", 3, "h2", "w2"])

    return make


def _fixed_and_cropped(graph: ForeignGraph) -> None:
    x = graph.input("x", [1, 3, 16, 16])
    graph.op("Sigmoid", graph.op("AveragePool", x, kernel_shape=[3, 3]), out="y")
    graph.output("y", [1, 3, 14, 14])


def _random(graph: ForeignGraph) -> None:
    x = graph.input("x", ["n", 3, "h", "w"])
    graph.op("Sigmoid", graph.op("Add", x, graph.op("RandomNormalLike", x)), out="y")
    graph.output("y", ["n", 3, "h", "w"])


def _unknown_input(graph: ForeignGraph) -> None:
    x = graph.input("x", ["n", 3, "h", "w"])
    graph.op("Sigmoid", graph.op("Mul", x, graph.input("mystery", [])), out="y")
    graph.output("y", ["n", 3, "h", "w"])


def _unbounded(graph: ForeignGraph) -> None:
    x = graph.input("x", ["n", 3, "h", "w"])
    graph.op("Add", x, x, out="y")
    graph.output("y", ["n", 3, "h", "w"])


def _both_layouts(graph: ForeignGraph) -> None:
    graph.op("Tanh", graph.input("x", ["n", "a", "b", "c"]), out="y")
    graph.output("y", ["n", "a", "b", 3])


def _text(graph: ForeignGraph) -> None:
    graph.op("Tanh", graph.input("tokens", ["n", 128]), out="y")
    graph.output("y", ["n", 128])


def _flat(graph: ForeignGraph) -> None:
    x = graph.input("x", ["n", 3, "h", "w"])
    graph.op("Sigmoid", graph.op("Mul", x, graph.constant(np.float32(0))), out="y")
    graph.output("y", ["n", 3, "h", "w"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_enlarged_by(1.5, 1.5), "returns pictures of another size than they came in"),
        (_enlarged_by(2, 4), "returns pictures of another size than they came in"),
        (_enlarged_by(5, 5), "by 2, 3, 4 or 8"),
        (_fixed_and_cropped, "returns pictures of another size than they came in"),
        (_random, "random numbers"),
        (_unknown_input, "'mystery'"),
        (_unbounded, "--range"),
        (_both_layouts, "--layout"),
        (_text, "--kind"),
        (_flat, "of one flat colour"),
    ],
)
def test_what_cannot_be_adopted_is_said_in_one_line(
    tmp_path: Path, make: Callable[[ForeignGraph], None], words: str
) -> None:
    graph = ForeignGraph()
    make(graph)
    path = graph.save(tmp_path / "theirs.onnx")
    with pytest.raises(GanPluginError) as error:
        adopt_onnx(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == [path]
