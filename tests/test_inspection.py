from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from ganplugin.errors import FileError, ModelError
from ganplugin.files import file_digest
from ganplugin.inspection import inspect_model, looks_like_onnx
from ganplugin.modelfile import read_model
from ganplugin.seal import sealed
from tests.tiny_models import tiny_generator, tiny_style


def test_a_model_file_is_explained(tmp_path: Path) -> None:
    path = tiny_generator(tmp_path / "g.onnx", transform=True)
    report = inspect_model(path)
    assert report.problem is None
    assert report.manifest is not None
    assert report.manifest.name == "tiny"
    assert (report.opset, report.ir_version) == (18, 9)
    assert (report.bytes, report.sha256) == (path.stat().st_size, file_digest(path))
    found = {port.name: (port.shape, port.default) for port in report.inputs}
    assert found["z"] == (("batch", 4), None)
    assert found["truncation"] == ((3,), "1")
    assert found["ws"] == (("rows", 3, 6), "0")
    assert found["transform"] == (("rows", 3, 3), "identity")
    assert str(found["noise_0"][1]).startswith("stored, -")
    assert [port.name for port in report.outputs] == ["image", "w"]
    assert report.parameters > 1000
    assert type(report).model_validate_json(report.model_dump_json()) == report


def test_a_foreign_onnx_is_shown_with_what_it_lacks(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [])
    graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3]))
    path = tmp_path / "x.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    report = inspect_model(path)
    assert report.manifest is None
    assert "without a ganplugin manifest" in str(report.problem)
    assert [port.shape for port in report.inputs] == [("n", 3)]


def test_a_broken_contract_is_a_problem_not_an_error(tmp_path: Path) -> None:
    path = tiny_style(tmp_path / "s.onnx")
    proto, _ = read_model(path)
    proto.graph.input[0].name = "photo"
    path.write_bytes(sealed(proto.SerializeToString()))
    report = inspect_model(path)
    assert report.manifest is not None
    assert "lacks the input 'content'" in str(report.problem)


def test_onnx_is_known_by_its_bytes_or_its_name(tmp_path: Path) -> None:
    path = tiny_style(tmp_path / "s.onnx")
    assert looks_like_onnx(path.rename(tmp_path / "weights.pt"))
    (tmp_path / "x.onnx").write_bytes(b"junk")
    assert looks_like_onnx(tmp_path / "x.onnx")
    (tmp_path / "y").write_bytes(b"junk")
    assert not looks_like_onnx(tmp_path / "y")
    with pytest.raises(ModelError):
        inspect_model(tmp_path / "x.onnx")
    with pytest.raises(FileError):
        looks_like_onnx(tmp_path / "none")
