from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from ganplugin.errors import ExportError, InputError
from ganplugin.export.convert import convert
from ganplugin.export.opset import check_opset, moved_to_opset
from ganplugin.export.verify import verify
from ganplugin.modelfile import write_model
from ganplugin.models.network import Network
from tests.export.networks import Guarded, everything, manifest_of, painter, plain


@pytest.mark.parametrize("opset", [15, 17, 19, 20])
@pytest.mark.parametrize("make", [everything, painter, lambda: plain(Guarded)])
def test_a_network_computes_the_same_in_every_operator_set(
    tmp_path: Path, make: Callable[[], Network], opset: int
) -> None:
    network = make()
    proto = moved_to_opset(convert(network), opset)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", opset)]
    assert proto.ir_version <= 9
    onnx.checker.check_model(proto, full_check=True)
    path = write_model(proto, manifest_of(network), tmp_path / "m.onnx")
    assert verify(path, network).max_error <= 1e-4


def graph_of(kind: str, inputs: list[str], **attributes: object) -> onnx.ModelProto:
    node = helper.make_node(kind, inputs, ["y"], **attributes)
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4, 6, 6]) for name in ("x", "y")]
    axes = [helper.make_tensor(name, TensorProto.INT64, [1], [1]) for name in inputs[1:] if name == "axes"]
    graph = helper.make_graph([node], "g", ports[:1], ports[1:], axes)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_axes_of_reductions_move_into_an_attribute() -> None:
    proto = moved_to_opset(graph_of("ReduceMean", ["x", "axes"], keepdims=1, noop_with_empty_axes=0), 17)
    (node,) = proto.graph.node
    assert list(node.input) == ["x"]
    assert {attribute.name for attribute in node.attribute} == {"axes", "keepdims"}
    onnx.checker.check_model(proto)


def test_a_split_by_count_is_said_without_it() -> None:
    proto = moved_to_opset(graph_of("Split", ["x"], axis=1, num_outputs=1), 17)
    assert [attribute.name for attribute in proto.graph.node[0].attribute] == ["axis"]


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "opset"),
    [
        ("LayerNormalization", ["x", "axes"], {}, 16),
        ("GroupNormalization", ["x", "axes", "axes"], {"num_groups": 2}, 17),
        ("Mish", ["x"], {}, 17),
        ("Resize", ["x", "", "axes"], {"antialias": 1}, 17),
        ("Pad", ["x", "axes", "", "axes"], {}, 17),
        ("ReduceMean", ["x", "computed"], {}, 17),
    ],
)
def test_what_an_older_set_cannot_say_is_refused_by_name(
    kind: str, inputs: list[str], attributes: dict[str, object], opset: int
) -> None:
    with pytest.raises(ExportError, match=rf"{kind}|computed value"):
        moved_to_opset(graph_of(kind, inputs, **attributes), opset)


@pytest.mark.parametrize("opset", [0, 14, 21])
def test_sets_that_hosts_do_not_know_are_refused(opset: int) -> None:
    with pytest.raises(InputError, match="choose 15 to 20"):
        check_opset(opset)
