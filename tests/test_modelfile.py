from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from ganplugin.errors import FileError, ModelError
from ganplugin.manifest import METADATA_KEY, Manifest
from ganplugin.modelfile import check_contract, contract, read_manifest, read_model, write_model
from ganplugin.seal import sealed
from tests.tiny_models import tiny_generator, tiny_scorer, tiny_style


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_generator(tmp_path_factory.mktemp("model") / "g.onnx", transform=True, classes=("a", "b"))


@pytest.mark.parametrize("make", [tiny_generator, tiny_style, tiny_scorer])
def test_a_written_model_reads_back_and_keeps_its_contract(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / "m.onnx")
    proto, manifest = read_model(path)
    check_contract(proto, manifest)
    assert read_manifest(path) == manifest
    assert manifest.family == "tiny"


def test_writing_is_deterministic_and_never_overwrites_unasked(tmp_path: Path) -> None:
    first, second = tiny_generator(tmp_path / "a.onnx"), tiny_generator(tmp_path / "b.onnx")
    assert first.read_bytes() == second.read_bytes()
    proto, manifest = read_model(first)
    with pytest.raises(FileError, match="exists already"):
        write_model(proto, manifest, first)
    write_model(proto, manifest, first, overwrite=True)
    assert first.read_bytes() == second.read_bytes()


def test_contract_of_a_generator_with_everything(generator: Path) -> None:
    shape = contract(read_manifest(generator))
    required = [port.name for port in shape.inputs if not port.optional]
    assert required == ["z", "label"]
    assert {port.name: port.shape for port in shape.outputs} == {"image": ("batch", 3, 8, 8), "w": ("batch", 3, 6)}
    noise = shape.port("noise_12")
    assert noise is not None
    assert noise.shape == ("rows", 1, "any", "any")
    assert shape.port("noise_01") is None
    assert shape.port("nonsense") is None


@pytest.mark.parametrize("missing", ["z_dim", "width", "w_dim"])
def test_a_manifest_without_a_needed_size_is_refused(generator: Path, missing: str) -> None:
    manifest = read_manifest(generator).model_copy(update={missing: None})
    with pytest.raises(ModelError, match=missing):
        contract(manifest)


def _input(proto: ModelProto, name: str) -> ValueInfoProto:
    return next(value for value in proto.graph.input if value.name == name)


def _drop_input(proto: ModelProto) -> None:
    proto.graph.input.remove(_input(proto, "z"))


def _freeze_batch(proto: ModelProto) -> None:
    _input(proto, "z").type.tensor_type.shape.dim[0].dim_value = 2


def _wrong_width(proto: ModelProto) -> None:
    proto.graph.output[0].type.tensor_type.shape.dim[3].dim_value = 9


def _half(proto: ModelProto) -> None:
    _input(proto, "z").type.tensor_type.elem_type = TensorProto.FLOAT16


def _no_default(proto: ModelProto) -> None:
    proto.graph.initializer.remove(next(t for t in proto.graph.initializer if t.name == "mix"))


def _forced_default(proto: ModelProto) -> None:
    proto.graph.initializer.append(helper.make_tensor("z", TensorProto.FLOAT, [1, 4], [0.0] * 4))


def _bad_default(proto: ModelProto) -> None:
    _no_default(proto)
    proto.graph.initializer.append(helper.make_tensor("mix", TensorProto.FLOAT, [2], [0.0] * 2))


def _new_opset(proto: ModelProto) -> None:
    proto.opset_import[0].version = 21


def _new_ir(proto: ModelProto) -> None:
    proto.ir_version = 10


def _custom(proto: ModelProto) -> None:
    proto.graph.node[0].domain = "com.evil"


def _random(proto: ModelProto) -> None:
    proto.graph.node.append(helper.make_node("RandomNormalLike", ["z"], ["x"]))


def _external(proto: ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def _constant_node(proto: ModelProto) -> None:
    tensor = TensorProto(name="t", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    proto.graph.node.append(helper.make_node("Constant", [], ["x"], value=tensor))


def _hidden_in_a_branch(proto: ModelProto) -> None:
    inner = helper.make_graph([helper.make_node("Boom", [], ["y"], domain="evil")], "inner", [], [])
    outer = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=inner)], "outer", [], [])
    proto.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=outer))


def _function(proto: ModelProto) -> None:
    proto.functions.append(helper.make_function("d", "f", [], [], [], [helper.make_opsetid("", 18)]))


def _unknown_input(proto: ModelProto) -> None:
    proto.graph.input.append(helper.make_tensor_value_info("temperature", TensorProto.FLOAT, []))


def _extra_output(proto: ModelProto) -> None:
    proto.graph.output.append(helper.make_tensor_value_info("hidden", TensorProto.FLOAT, []))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_drop_input, "lacks the input 'z'"),
        (_freeze_batch, r"'z' has the shape \[2, 4\] instead of \[batch, 4\]"),
        (_wrong_width, r"'image' has the shape \[batch, 3, 8, 9\] instead of"),
        (_half, "'z' is not float32"),
        (_no_default, "'mix' lacks a default"),
        (_forced_default, "'z' must have no default"),
        (_bad_default, r"default of 'mix' has the shape \[2\] instead of \[3\]"),
        (_new_opset, "opset 21"),
        (_new_ir, "IR version 10"),
        (_custom, "custom operator com.evil"),
        (_random, "random numbers inside"),
        (_external, "in another file"),
        (_constant_node, "in another file"),
        (_hidden_in_a_branch, "custom operator evil.Boom"),
        (_function, "functions of its own"),
        (_unknown_input, "unknown input 'temperature'"),
        (_extra_output, "returns image, w, hidden instead of image, w"),
    ],
)
def test_a_broken_contract_is_named(generator: Path, spoil: Callable[[ModelProto], None], message: str) -> None:
    proto, manifest = read_model(generator)
    spoil(proto)
    with pytest.raises(ModelError, match=message):
        check_contract(proto, manifest, where="m.onnx")


@pytest.mark.parametrize("spoil", [_external, _constant_node, _custom, _hidden_in_a_branch, _function])
def test_unsafe_parts_are_refused_on_reading(
    generator: Path, tmp_path: Path, spoil: Callable[[ModelProto], None]
) -> None:
    proto, _ = read_model(generator)
    spoil(proto)
    path = tmp_path / "bad.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError):
        read_manifest(path)


@pytest.mark.parametrize("content", [b"", b"\x00", b"hello", b"<html>", b"\x08\x09", b"PK\x03\x04" * 9])
def test_what_is_no_onnx_says_how_to_make_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="ganplugin export CHECKPOINT"):
        read_manifest(path)


def test_a_foreign_onnx_and_a_foreign_manifest_are_refused(generator: Path, tmp_path: Path) -> None:
    proto, _ = read_model(generator)
    path = tmp_path / "foreign.onnx"
    proto.metadata_props[0].value = '{"kind": "tree"}'
    path.write_bytes(sealed(proto.SerializeToString()))
    with pytest.raises(ModelError, match="manifest is not valid"):
        read_manifest(path)
    del proto.metadata_props[:]
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="without a ganplugin manifest"):
        read_manifest(path)


def test_a_missing_file_and_a_folder_are_file_errors(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        read_manifest(tmp_path / "none.onnx")
    with pytest.raises(FileError):
        read_manifest(tmp_path)


def test_only_the_manifest_is_kept_as_metadata(tmp_path: Path, generator: Path) -> None:
    proto, manifest = read_model(generator)
    proto.metadata_props.add(key="trace", value="somewhere")
    path = write_model(proto, manifest, tmp_path / "m.onnx")
    assert [entry.key for entry in read_model(path)[0].metadata_props] == [METADATA_KEY]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_file_raises_nothing_but_model_errors(generator: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(generator.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "mutant.onnx"
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    try:
        proto, manifest = read_model(path)
        check_contract(proto, manifest)
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(manifest, Manifest)
