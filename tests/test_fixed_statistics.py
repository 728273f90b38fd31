from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from ganplugin.fixed_statistics import FixedStatistics, StyleCall
from ganplugin.library import resolve_model
from ganplugin.manifest import Manifest
from ganplugin.modelfile import write_model
from ganplugin.runtime import Model, RuntimeOptions, open_model
from tests.tiny_models import GraphBuilder, tiny_style


def normalising_style(path: Path, kind: str) -> Path:
    """Write a style network that normalises a picture by one of the ways in which networks do."""
    build = GraphBuilder()
    x = build.op(
        "Conv", build.input("content", ("batch", 3, "height", "width")), build.weights(4, 3, 3, 3), pads=[1] * 4
    )
    if kind == "instance":
        scale = build.constant(np.array([1, 2, 0.5, 1], np.float32))
        x = build.op("InstanceNormalization", x, scale, build.constant(np.zeros(4, np.float32)), epsilon=1e-3)
    elif kind == "reductions":
        x = build.op("Sub", x, build.op("ReduceMean", x, build.shape(2, 3), keepdims=1))
        power = build.op("ReduceMean", build.op("Mul", x, x), build.shape(-1, -2), keepdims=1)
        x = build.op("Div", x, build.op("Sqrt", build.op("Add", power, build.constant(np.float32(1e-3)))))
    elif kind == "pool":
        x = build.op("Sub", x, build.op("GlobalAveragePool", x))
    elif kind == "groups":
        shape = build.op("Shape", x)
        rows = build.op("Reshape", x, build.constant(np.array([0, 2, -1])))
        one, zero = (build.constant(np.full(2, value, np.float32)) for value in (1, 0))
        x = build.op("Reshape", build.op("InstanceNormalization", rows, one, zero), shape)
    x = build.op("Conv", x, build.weights(3, 4, 1, 1))
    build.op("Sigmoid", x, output="image")
    build.outputs.append(
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ("batch", 3, "out_height", "out_width"))
    )
    manifest = Manifest(kind="style", family="tiny", name=kind, licence="made by the tests", exporter="tests")
    return write_model(build.model(), manifest, path)


def opened(path: Path) -> Model:
    return open_model(path, RuntimeOptions(device="cpu", threads=1))


def picture(seed: int, height: int = 18, width: int = 24) -> np.ndarray:
    return np.random.RandomState(seed).rand(height, width, 3).astype(np.float32)


KINDS = ("instance", "reductions", "pool", "groups")


@pytest.mark.parametrize("kind", KINDS)
def test_with_its_own_statistics_a_picture_comes_out_as_without(kind, tmp_path):
    model = opened(normalising_style(tmp_path / "a.onnx", kind))
    fixed = FixedStatistics(model)
    statistics = fixed.mean([picture(1)], StyleCall())
    assert statistics
    found = fixed.model(statistics).stylize(picture(1))
    assert np.abs(found - model.stylize(picture(1))).max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_each_pixel_depends_on_its_neighbours_alone(kind, tmp_path):
    model = opened(normalising_style(tmp_path / "a.onnx", kind))
    fixed = FixedStatistics(model)
    network = fixed.model(fixed.mean([picture(1), picture(2)], StyleCall()))
    whole, changed = picture(3), picture(3)
    changed[:, 14:] = 1
    same = np.abs(network.stylize(whole) - network.stylize(changed))[0, :, :12].max()
    assert same == 0
    assert np.abs(model.stylize(whole) - model.stylize(changed))[0, :, :12].max() > 1e-3


def test_the_mean_is_over_all_pictures(tmp_path):
    fixed = FixedStatistics(opened(normalising_style(tmp_path / "a.onnx", "instance")))
    one, two, both = (fixed.mean(list(map(picture, seeds)), StyleCall()) for seeds in ([1], [2], [1, 2]))
    for name, value in both.items():
        assert value == pytest.approx((one[name] + two[name]) / 2, abs=1e-5)


def test_pictures_of_other_sizes_and_many_at_once_take_the_same_statistics(tmp_path):
    model = opened(normalising_style(tmp_path / "a.onnx", "instance"))
    fixed = FixedStatistics(model)
    network = fixed.model(fixed.mean([picture(1)], StyleCall()))
    rows = np.stack([picture(4), picture(5)])
    assert np.array_equal(network.stylize(rows)[1], network.stylize(picture(5))[0])
    assert network.stylize(picture(6, 30, 40)).shape == (1, 30, 40, 3)


def test_a_network_that_measures_nothing_stays_itself(tmp_path):
    model = opened(tiny_style(tmp_path / "a.onnx"))
    fixed = FixedStatistics(model)
    assert fixed.mean([picture(1)], StyleCall()) == {}
    assert fixed.model({}) is model


def test_the_builtin_styles_are_covered_whole():
    model = opened(resolve_model("builtin:great-wave").path)
    fixed = FixedStatistics(model)
    weights = np.eye(len(model.manifest.styles), dtype=np.float32)[0]
    call = StyleCall(style_weights=weights, strength=0.8)
    network = fixed.model(fixed.mean([picture(1, 48, 64)], call))
    found, wanted = (m.stylize(picture(1, 48, 64), style_weights=weights, strength=0.8) for m in (network, model))
    assert np.abs(found - wanted).max() < 1e-3
    changed = picture(1, 48, 640)
    left = picture(1, 48, 640)
    changed[:, 500:] = 0
    first, second = (network.stylize(rows, style_weights=weights)[0, :, :200] for rows in (left, changed))
    assert np.array_equal(first, second)
