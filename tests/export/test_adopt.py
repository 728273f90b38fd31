"""Foreign ONNX files: each way of being different, and what comes out of it in the contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from ganplugin.cli.export import command as export
from ganplugin.errors import CheckpointError, FileError, InputError, ModelError
from ganplugin.export.adopt import Stated, adopt_onnx
from ganplugin.modelfile import MAX_IR_VERSION, MAX_OPSET, check_contract, read_model
from ganplugin.runtime import Model, RuntimeOptions, open_model
from tests.export.foreign_files import BYTES, HALF, ForeignGraph, painted, painter

CPU = RuntimeOptions(device="cpu")


def adopted(path: Path, **stated: str) -> Model:
    done = adopt_onnx(path, stated=Stated(**stated))  # type: ignore[arg-type]
    proto, manifest = read_model(done.path)
    check_contract(proto, manifest)
    assert proto.ir_version <= MAX_IR_VERSION
    assert proto.opset_import[0].version <= MAX_OPSET
    assert b"/home/them" not in done.path.read_bytes()
    assert manifest.verification is not None
    assert manifest.verification.max_error <= 1e-4
    return open_model(done.path, CPU)


def facts(model: Model) -> dict[str, tuple[object, str]]:
    return {fact.name: (fact.value, fact.origin) for fact in model.manifest.inferred}


def pictures(rows: int = 2, height: int = 12, width: int = 10) -> np.ndarray:
    return np.random.RandomState(1).rand(rows, 3, height, width).astype(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


STYLES: dict[str, tuple[dict, dict, Callable[[np.ndarray], np.ndarray]]] = {
    "planes first, -1..1": ({}, {}, lambda x: np.tanh(painted(x * 2 - 1)) * 0.5 + 0.5),
    "pixels first, -1..1 (AnimeGANv3)": ({"layout": "nhwc"}, {}, lambda x: np.tanh(painted(x * 2 - 1)) * 0.5 + 0.5),
    "0..1": ({"activation": "Sigmoid"}, {}, lambda x: sigmoid(painted(x))),
    "0..255 by its end": (
        {"scale": (127.5, 127.5)}, {}, lambda x: np.tanh(painted(x * 255)) * 0.5 + 0.5
    ),
    "0..255 as stated": (
        {"activation": "Identity"}, {"ranges": "0..255"}, lambda x: painted(x * 255).clip(0, 255) / 255
    ),
    "-1..1 in, 0..1 out": (
        {"activation": "Identity", "layout": "nhwc"}, {"ranges": "[-1,1]:0..1"}, lambda x: painted(x * 2 - 1).clip(0, 1)
    ),
    "half": ({"kind": HALF, "opset": 17}, {}, lambda x: np.tanh(painted(x * 2 - 1)) * 0.5 + 0.5),
    "bytes": (
        {"kind": BYTES, "layout": "nhwc", "activation": "Sigmoid", "scale": (255.0, 0.0)},
        {},
        lambda x: sigmoid(painted(np.rint(x * 255) / 255)),
    ),
    "a batch of one": ({"batch": 1}, {}, lambda x: np.tanh(painted(x * 2 - 1)) * 0.5 + 0.5),
    "axes without names": (
        {"batch": None, "sides": (None, None)}, {}, lambda x: np.tanh(painted(x * 2 - 1)) * 0.5 + 0.5
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STYLES)
def test_a_style_network_of_any_layout_range_and_type(tmp_path: Path, name: str) -> None:
    how, stated, expected = STYLES[name]
    model = adopted(painter(tmp_path / "theirs.onnx", **how), **stated)
    assert (model.manifest.kind, model.manifest.family) == ("style", "adopted")
    assert (model.manifest.width, model.manifest.height) == (None, None)
    content = pictures()
    found = model.run({"content": content})["image"]
    assert found.shape == content.shape
    tolerance = 5e-3 if name in ("half", "bytes") else 1e-5
    assert np.abs(found - expected(content)).max() < tolerance
    assert found.std() > 0.01


def _encoder(path: Path) -> Path:
    graph = ForeignGraph()
    x = graph.input("style_image", [1, 8, 8, 3])
    mean = graph.op("ReduceMean", x, axes=[1, 2], keepdims=1)
    graph.op("Sub", mean, graph.constant(np.float32(0.5)), out="code")
    graph.output("code", [1, 1, 1, 3])
    return graph.save(path)


def _decoder(path: Path, code: str) -> Path:
    graph = ForeignGraph()
    x, given = graph.input("content_image", [1, 16, 16, 3]), graph.input(code, [1, 1, 1, 3])
    graph.op("Sigmoid", graph.op("Add", x, given), out="stylized")
    graph.output("stylized", [1, 16, 16, 3])
    return graph.save(path)


@pytest.mark.parametrize("code", ["code", "style_vector"])
@pytest.mark.parametrize("swapped", [False, True])
def test_two_files_of_which_one_feeds_the_other_become_one(tmp_path: Path, code: str, swapped: bool) -> None:
    files = [_encoder(tmp_path / "a.onnx"), _decoder(tmp_path / "b.onnx", code)]
    first, second = reversed(files) if swapped else files
    done = adopt_onnx(first, tmp_path / "c.onnx", beside=(second,))
    model = open_model(done.path, CPU)
    assert (set(model.input_names), model.manifest.width) == ({"content", "style"}, 16)
    content, style = pictures(2, 16, 16), pictures(1, 8, 8)
    expected = sigmoid(content + style.mean(axis=(2, 3), keepdims=True) - 0.5)
    assert np.abs(model.run({"content": content, "style": style})["image"] - expected).max() < 1e-5


def test_two_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    files = [painter(tmp_path / "a.onnx"), painter(tmp_path / "b.onnx")]
    with pytest.raises(CheckpointError, match="do not fit together"):
        adopt_onnx(files[0], beside=(files[1],))


def test_what_was_read_and_what_was_stated_is_recorded(tmp_path: Path) -> None:
    model = adopted(painter(tmp_path / "a.onnx", layout="nhwc"))
    assert facts(model)["values of pictures out"] == ("-1..1", "tensor")
    assert facts(model)["values of pictures in"] == ("-1..1", "default")
    assert facts(model)["layout"] == ("nhwc", "tensor")
    assert facts(model)["output"] == ("gen/out:0", "tensor")
    stated = adopted(painter(tmp_path / "b.onnx"), kind="style", ranges="-1..1", layout="nchw")
    assert {origin for name, (_, origin) in facts(stated).items() if name != "output"} == {"option"}


def test_a_fixed_size_is_recorded_and_any_picture_is_brought_to_it(tmp_path: Path) -> None:
    model = adopted(painter(tmp_path / "a.onnx", sides=(32, 48), batch=1, activation="Sigmoid"))
    assert (model.manifest.height, model.manifest.width) == (32, 48)
    image = np.zeros((40, 30, 3), np.float32)
    image[:20] = 1
    shown = model.stylize(image)[0]
    assert shown.shape == (40, 30, 3)
    direct = sigmoid(painted(np.full((1, 3, 5, 5), 1, np.float32)))[0, :, 2, 2]
    assert np.abs(shown[8, 15] - direct).max() < 0.02
    assert np.abs(shown[32, 15] - 0.5).max() < 0.02


def test_a_network_that_is_frozen_to_one_row_runs_once_a_row(tmp_path: Path) -> None:
    graph = ForeignGraph(opset=11)
    x = graph.input("x", [1, 3, 16, 16])
    flat = graph.op("Reshape", x, graph.constant(np.array([1, 768])))
    turned = graph.op("Reshape", flat, graph.constant(np.array([1, 3, 16, 16])))
    graph.op("Tanh", turned, out="y")
    graph.output("y", [1, 3, 16, 16])
    model = adopted(graph.save(tmp_path / "frozen.onnx"))
    assert "Scan" in {node.op_type for node in onnx.load(model.path).graph.node}
    content = pictures(3, 16, 16)
    assert np.abs(model.run({"content": content})["image"] - (np.tanh(content * 2 - 1) * 0.5 + 0.5)).max() < 1e-6


def test_rows_that_depend_on_one_another_are_kept_apart(tmp_path: Path) -> None:
    graph = ForeignGraph()
    x = graph.input("x", ["n", 3, "h", "w"])
    mean = graph.op("ReduceMean", x, axes=[0, 2, 3], keepdims=1)
    graph.op("Sigmoid", graph.op("Sub", x, mean), out="y")
    graph.output("y", ["n", 3, "h", "w"])
    model = adopted(graph.save(tmp_path / "mean.onnx"), ranges="0..1")
    content = pictures()
    expected = sigmoid(content - content.mean(axis=(2, 3), keepdims=True))
    assert np.abs(model.run({"content": content})["image"] - expected).max() < 1e-5


def test_styles_strength_and_a_style_picture_stay_inputs(tmp_path: Path) -> None:
    graph = ForeignGraph()
    x = graph.input("content_img", ["n", 3, "h", "w"])
    style = graph.input("style_img", [1, 8, 8, 3])
    weights = graph.input("weights", [3])
    alpha = graph.input("alpha", [1])
    bank = graph.constant(np.eye(3, dtype=np.float32))
    colour = graph.op("Reshape", graph.op("MatMul", weights, bank), graph.constant(np.array([1, 3, 1, 1])))
    mean = graph.op("ReduceMean", graph.op("Transpose", style, perm=[0, 3, 1, 2]), axes=[2, 3], keepdims=1)
    change = graph.op("Mul", graph.op("Add", colour, mean), alpha)
    graph.op("Clip", graph.op("Add", x, change), graph.constant(np.float32(0)), graph.constant(np.float32(1)), out="y")
    graph.output("y", ["n", 3, "h", "w"])
    model = adopted(graph.save(tmp_path / "many.onnx"))
    assert set(model.input_names) == {"content", "style", "style_weights", "strength"}
    assert set(model.optional_inputs) == {"style", "style_weights", "strength"}
    assert model.manifest.styles == ("style-0", "style-1", "style-2")
    content, picture = pictures() * np.float32(0.1), pictures(1, 20, 30)
    feeds = {"content": content, "style": picture, "strength": np.asarray(0.25, np.float32)}
    found = model.run({**feeds, "style_weights": np.array([0, 3, 1], np.float32)})["image"]
    expected = content + 0.25 * np.array([0, 0.75, 0.25]).reshape(1, 3, 1, 1)
    shift = (found - expected).mean(axis=(2, 3))
    assert np.abs(found - expected - shift[:, :, None, None]).max() < 1e-5
    assert np.abs(shift - 0.25 * picture.mean(axis=(2, 3))).max() < 0.03
    assert model.run({"content": content})["image"].std() > 0


def test_a_generator_with_a_latent_of_four_axes(tmp_path: Path) -> None:
    graph = ForeignGraph(ir_version=3)
    z = graph.input("input.1", ["n", 5, 1, 1])
    graph.input("weight", [5, 3, 8, 8])
    weight = np.random.RandomState(2).randn(5, 3, 8, 8).astype(np.float32)
    graph.constants.append(numpy_helper.from_array(weight, "weight"))
    graph.op("Tanh", graph.op("ConvTranspose", z, "weight"), out="picture")
    graph.op("Identity", "picture", out="second")
    graph.output("picture", ["n", 3, 8, 8])
    graph.output("second", ["n", 3, 8, 8])
    model = adopted(graph.save(tmp_path / "dcgan.onnx"))
    assert (model.manifest.kind, model.manifest.z_dim, model.manifest.width) == ("generator", 5, 8)
    assert (model.input_names, model.outputs) == (("z",), ("image",))
    z_rows = np.random.RandomState(3).randn(4, 5).astype(np.float32)
    expected = np.tanh(np.einsum("ni,ichw->nchw", z_rows, weight)) * 0.5 + 0.5
    assert np.abs(model.run({"z": z_rows})["image"] - expected).max() < 1e-5


def test_a_conditional_generator_with_a_truncation(tmp_path: Path) -> None:
    graph = ForeignGraph()
    z, label = graph.input("z", [1, 4]), graph.input("class_onehot", [1, 2])
    psi = graph.input("truncation_psi", [])
    joined = graph.op("Concat", graph.op("Mul", z, psi), label, axis=1)
    weight = np.random.RandomState(2).randn(6, 48).astype(np.float32)
    flat = graph.op("Sigmoid", graph.op("MatMul", joined, graph.constant(weight)))
    graph.op("Reshape", flat, graph.constant(np.array([-1, 4, 4, 3])), out="rgb")
    graph.output("rgb", [1, 4, 4, 3])
    model = adopted(graph.save(tmp_path / "c.onnx"), layout="nhwc")
    assert model.input_names == ("z", "label")
    assert model.manifest.classes == ("class-0", "class-1")
    z_rows, labels = np.ones((2, 4), np.float32), np.eye(2, dtype=np.float32)
    expected = sigmoid(np.concatenate([z_rows, labels], 1) @ weight).reshape(2, 4, 4, 3).transpose(0, 3, 1, 2)
    assert np.abs(model.run({"z": z_rows, "label": labels})["image"] - expected).max() < 1e-5


@pytest.mark.parametrize(("shape", "kind"), [([1, 1], None), ([1], None), ([1, 1, 4, 4], "scorer")])
def test_a_scorer_returns_one_number_a_picture(tmp_path: Path, shape: list[int], kind: str | None) -> None:
    graph = ForeignGraph()
    x = graph.input("x", [1, 3, 8, 8])
    scaled = graph.op("Sub", graph.op("Mul", x, graph.constant(np.float32(2))), graph.constant(np.float32(1)))
    if len(shape) == 4:
        weight = np.random.RandomState(2).randn(1, 3, 2, 2).astype(np.float32)
        graph.op("Conv", scaled, graph.constant(weight), strides=[2, 2], out="y")
    else:
        mean = graph.op("ReduceMean", scaled, axes=[1, 2, 3], keepdims=0)
        graph.op("Reshape", mean, graph.constant(np.array([-1, *shape[1:]])), out="y")
    graph.output("y", shape)
    model = adopted(graph.save(tmp_path / "d.onnx"), **({} if kind is None else {"kind": kind}))
    assert (model.manifest.kind, model.manifest.width, model.manifest.channels) == ("scorer", 8, "RGB")
    assert facts(model)["values of pictures in"] == ("0..1", "tensor")
    images = pictures(3, 8, 8)
    scores = model.run({"image": images})["score"]
    if len(shape) == 4:
        scaled_images = (images * 2 - 1).reshape(3, 3, 4, 2, 4, 2)
        expected = np.einsum("ncyixj,cij->nyx", scaled_images, weight[0]).mean(axis=(1, 2))
    else:
        expected = (images * 2 - 1).mean(axis=(1, 2, 3))
    assert np.abs(scores - expected).max() < 1e-5


def test_a_network_for_grey_pictures_takes_coloured_ones(tmp_path: Path) -> None:
    graph = ForeignGraph()
    graph.op("Sigmoid", graph.input("x", ["n", 1, "h", "w"]), out="y")
    graph.output("y", ["n", 1, "h", "w"])
    model = adopted(graph.save(tmp_path / "grey.onnx"))
    assert model.manifest.channels == "L"
    content = pictures()
    grey = np.einsum("nchw,c->nhw", content, [0.299, 0.587, 0.114])[:, None]
    assert np.abs(model.run({"content": content})["image"] - sigmoid(grey)).max() < 1e-5


def test_sizes_that_a_network_rounds_are_found(tmp_path: Path) -> None:
    graph = ForeignGraph()
    x = graph.input("x", ["n", 3, "h", "w"])
    down = graph.op("AveragePool", x, kernel_shape=[4, 4], strides=[4, 4])
    scales = graph.constant(np.array([1, 1, 4, 4], np.float32))
    graph.op("Sigmoid", graph.op("Resize", down, "", scales, mode="nearest"), out="y")
    graph.output("y", ["n", 3, "h2", "w2"])
    model = adopted(graph.save(tmp_path / "four.onnx"))
    assert (model.manifest.size_multiple, model.manifest.minimum_size) == (4, 4)
    assert model.stylize(np.zeros((13, 9, 3), np.float32)).shape == (1, 13, 9, 3)


def _upscaler(path: Path, scale: int, *, layout: str, sides: tuple[Any, Any], multiple: int = 1) -> Path:
    """Shifted pixels, repeated ``scale`` times; ``multiple`` is what the sides must divide by."""
    graph = ForeignGraph()
    x = graph.input("lr", ["n", 3, *sides] if layout == "nchw" else ["n", *sides, 3])
    if layout == "nhwc":
        x = graph.op("Transpose", x, perm=[0, 3, 1, 2])
    x = graph.op("DepthToSpace", graph.op("SpaceToDepth", x, blocksize=multiple), blocksize=multiple)
    scales = graph.constant(np.array([1, 1, scale, scale], np.float32))
    modes = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    x = graph.op("Sigmoid", graph.op("Resize", x, "", scales, **modes))
    if layout == "nhwc":
        x = graph.op("Transpose", x, perm=[0, 2, 3, 1])
    grown = [side * scale if isinstance(side, int) else f"{side}2" for side in sides]
    graph.output(x, ["n", 3, *grown] if layout == "nchw" else ["n", *grown, 3])
    return graph.save(path)


@pytest.mark.parametrize(("scale", "layout"), [(2, "nchw"), (3, "nhwc"), (4, "nchw"), (8, "nchw")])
def test_an_upscaler_is_adopted_with_its_scale(tmp_path: Path, scale: int, layout: str) -> None:
    model = adopted(_upscaler(tmp_path / "up.onnx", scale, layout=layout, sides=("h", "w")))
    assert (model.manifest.kind, model.manifest.scale) == ("style", scale)
    assert (model.manifest.size_multiple, model.manifest.minimum_size) == (1, 1)
    assert facts(model)["scale"] == (scale, "tensor")
    photo = pictures(2, 7, 5).transpose(0, 2, 3, 1)
    expected = sigmoid(photo.repeat(scale, axis=1).repeat(scale, axis=2))
    assert np.abs(model.stylize(photo) - expected).max() < 1e-5


def test_an_upscaler_s_sizes_are_found_before_enlarging(tmp_path: Path) -> None:
    model = adopted(_upscaler(tmp_path / "up.onnx", 2, layout="nchw", sides=("h", "w"), multiple=4))
    assert (model.manifest.scale, model.manifest.size_multiple, model.manifest.minimum_size) == (2, 4, 4)
    assert model.stylize(pictures(1, 9, 6).transpose(0, 2, 3, 1)).shape == (1, 18, 12, 3)


def test_an_upscaler_of_one_size_is_adopted(tmp_path: Path) -> None:
    model = adopted(_upscaler(tmp_path / "up.onnx", 4, layout="nhwc", sides=(16, 24)))
    assert (model.manifest.scale, model.manifest.height, model.manifest.width) == (4, 16, 24)
    assert model.stylize(np.full((20, 20, 3), 0.5, np.float32)).shape == (1, 80, 80, 3)


def test_tensors_in_a_file_beside_come_in(tmp_path: Path) -> None:
    path = painter(tmp_path / "a.onnx")
    onnx.save(onnx.load(path), tmp_path / "b.onnx", save_as_external_data=True, location="b.data", size_threshold=0)
    done = adopt_onnx(tmp_path / "b.onnx")
    (tmp_path / "b.data").unlink()
    open_model(done.path, CPU)
    with pytest.raises(CheckpointError, match="beside it"):
        adopt_onnx(tmp_path / "b.onnx", tmp_path / "c.onnx")


def test_newer_files_are_brought_to_what_hosts_read(tmp_path: Path) -> None:
    graph = ForeignGraph(opset=21, ir_version=10)
    graph.op("Tanh", graph.input("x", ["n", 3, "h", "w"]), out="y")
    graph.output("y", ["n", 3, "h", "w"])
    adopted(graph.save(tmp_path / "new.onnx"))


def test_names_targets_and_damage(tmp_path: Path) -> None:
    path = painter(tmp_path / "a.onnx")
    with pytest.raises(InputError, match="is the file itself"):
        adopt_onnx(path, path, overwrite=True)
    with pytest.raises(InputError, match="--name"):
        adopt_onnx(path, name="")
    with pytest.raises(InputError, match="--range"):
        adopt_onnx(path, stated=Stated(ranges="1..-1"))
    done = adopt_onnx(path)
    assert done.path == tmp_path / "a-adopted.onnx"
    with pytest.raises(FileError, match="exists already"):
        adopt_onnx(path)
    with pytest.raises(CheckpointError, match="a ganplugin model already"):
        adopt_onnx(done.path)
    (tmp_path / "b.onnx").write_bytes(path.read_bytes()[:200])
    with pytest.raises((ModelError, CheckpointError)):
        adopt_onnx(tmp_path / "b.onnx")


def test_the_command_adopts_and_minds_its_options(tmp_path: Path) -> None:
    runner = CliRunner()
    path = painter(tmp_path / "anime.onnx", layout="nhwc", activation="Identity")
    told = ["--adopt", "--kind", "style", "--range", "-1..1", "--layout", "nhwc", "--name", "anime", "--json"]
    result = runner.invoke(export, [str(path), *told], catch_exceptions=False)
    document = json.loads(result.stdout)
    assert (document["container"], document["manifest"]["name"]) == ("ONNX", "anime")
    assert runner.invoke(export, [str(path), "--part", "scorer"]).exception.exit_code == 2  # type: ignore[union-attr]
    text = tmp_path / "weights.pt"
    text.write_bytes(b"PK\x03\x04")
    refused = runner.invoke(export, [str(text), "--adopt"]).exception
    assert isinstance(refused, InputError)
    shown = runner.invoke(export, [str(path), "--range=-1..1", "--overwrite"], catch_exceptions=False).stdout
    assert "equals the original" in shown
