"""Devices with memory of their own, as far as a stand-in for onnxruntime shows."""

from __future__ import annotations

import numpy as np
import pytest

from ganplugin import bound_runs, execution, session_cache, sessions
from ganplugin.bound_runs import fixed_rows
from ganplugin.errors import ImageError
from ganplugin.images import to_uint8
from ganplugin.runtime import RuntimeOptions, forget_models, open_model
from ganplugin.seeds import seed_latents
from tests import fake_runtime
from tests.fake_runtime import FakeRuntime, graph_number
from tests.tiny_models import tiny_generator, tiny_scorer, tiny_style

GPUS = ["cuda", "cuda+graphs", "tensorrt", "tensorrt+fp16"]


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))
    forget_models()
    yield
    forget_models()


@pytest.fixture
def gpu(monkeypatch):
    module = FakeRuntime(listed=[fake_runtime.TENSORRT, fake_runtime.CUDA, fake_runtime.CPU])
    module.working |= {fake_runtime.TENSORRT, fake_runtime.CUDA}
    for place in (sessions, session_cache, execution, bound_runs):
        monkeypatch.setattr(place, "load_onnxruntime", lambda: module)
    for place in (sessions, session_cache):
        monkeypatch.setattr(place, "both_wheels_installed", lambda: False)
    return module


def latents(count=10):
    return seed_latents(range(count), 4)


def photos(count=2, height=17, width=9):
    return np.random.RandomState(3).rand(count, height, width, 3).astype(np.float32)


def opened(path, device, batch=0):
    return open_model(path, RuntimeOptions(device=device, batch=batch))


@pytest.fixture
def generator(tmp_path):
    return tiny_generator(tmp_path / "g.onnx")


@pytest.mark.parametrize("device", GPUS)
@pytest.mark.parametrize("batch", [0, 4])
def test_only_levels_leave_the_device(gpu, generator, device, batch):
    model, plain = opened(generator, device, batch), opened(generator, "cpu")
    levels = model.generate_levels(latents(), truncation=0.5)
    assert np.array_equal(levels, to_uint8(plain.generate(latents(), truncation=0.5)))
    assert ("image", "cuda", 0) in gpu.bound
    assert "image" not in gpu.fetched
    assert set(gpu.fetched) == {"levels", "flaw"}


@pytest.mark.parametrize("device", GPUS)
def test_every_kind_of_model_computes_what_it_does_on_the_cpu(gpu, generator, tmp_path, device):
    style = tiny_style(tmp_path / "s.onnx", multiple=4)
    scorer = tiny_scorer(tmp_path / "d.onnx")
    pictures = photos(5, 8, 8)
    for options in ({}, {"truncation": 0.3}, {"ws": np.ones((1, 3, 6), np.float32)}):
        ours, plain = (opened(generator, name).generate(latents(5), **options) for name in (device, "cpu"))
        assert np.array_equal(ours, plain)
    for method, path, given in (
        ("map_latents", generator, latents(5)),
        ("stylize", style, photos()),
        ("stylize_levels", style, photos()),
        ("score", scorer, pictures),
    ):
        ours, plain = (getattr(opened(path, name), method)(given) for name in (device, "cpu"))
        assert np.array_equal(ours, plain)


def test_nan_on_the_device_is_refused_too(gpu, generator, monkeypatch):
    model = opened(generator, "cuda")
    monkeypatch.setattr(session_cache, "conversion_model", flawed_conversion)
    with pytest.raises(ImageError, match="the picture holds NaN values"):
        model.generate_levels(latents(2))


def flawed_conversion():
    """Return the conversion behind a division of nothing by nothing."""
    import onnx
    from onnx import helper

    from ganplugin.conversion import conversion_model

    model = onnx.load_from_string(conversion_model())
    model.graph.node.insert(0, helper.make_node("Sub", ["image", "image"], ["nothing"]))
    model.graph.node.insert(1, helper.make_node("Div", ["nothing", "nothing"], ["broken"]))
    for node in list(model.graph.node)[2:]:
        node.input[:] = ["broken" if name == "image" else name for name in node.input]
    return model.SerializeToString()


def numbers(gpu):
    return [graph_number(options) for options in gpu.run_options]


def test_cuda_graphs_are_recorded_once_for_each_batch_size_and_kind_of_request(gpu, generator):
    model, plain = opened(generator, "cuda+graphs", 4), opened(generator, "cpu")
    requests = [(10, {}), (10, {}), (3, {}), (4, {"truncation": 0.4}), (1, {}), (8, {})]
    expected = [to_uint8(plain.generate(latents(count), **options)) for count, options in requests]
    gpu.runs.clear()
    gpu.run_options.clear()
    for (count, options), levels in zip(requests, expected, strict=True):
        assert np.array_equal(model.generate_levels(latents(count), **options), levels)
    # Rows come in fours, in twos where two are left, and alone; the conversion is no part of a graph.
    assert [number for number in numbers(gpu) if number is not None] == list("11211213411")
    assert gpu.runs == [4, 4, 4, 2, 2, *[4, 4, 2], 4, 4, 4, 1, 1, 4, 4], "new shapes run once before they are recorded"


def test_what_is_no_graph_of_fixed_shapes_is_not_recorded(gpu, generator, tmp_path):
    opened(generator, "cuda+graphs").map_latents(latents(3))
    opened(tiny_style(tmp_path / "s.onnx"), "cuda+graphs").stylize_levels(photos())
    opened(generator, "cuda").generate(latents(3))
    assert {number for number in numbers(gpu) if number} == set()


def test_tensorrt_sees_few_batch_sizes(gpu, generator):
    model = opened(generator, "tensorrt")
    for count in (1, 3, 5, 33, 64, 65):
        assert len(model.generate(latents(count))) == count
    assert gpu.runs == [1, 4, 8, 64, 64, 64, 1]


@pytest.mark.parametrize(
    ("rows", "most", "filled"), [(1, 32, 1), (2, 32, 2), (3, 32, 4), (17, 32, 32), (32, 32, 32), (5, 6, 6), (6, 6, 6)]
)
def test_batches_are_filled_up_to_a_power_of_two_or_the_whole(rows, most, filled):
    assert fixed_rows(rows, most) == filled


def test_half_precision_is_named_where_the_provider_is_recorded(gpu, generator):
    assert opened(generator, "tensorrt+fp16").provider == "TensorrtExecutionProvider+fp16"
    assert opened(generator, "tensorrt").provider == "TensorrtExecutionProvider"
    assert opened(generator, "cuda+graphs").provider == "CUDAExecutionProvider"


def test_out_of_memory_backs_off_and_pictures_stay_the_same(gpu, generator):
    expected = to_uint8(opened(generator, "cpu").generate(latents(40)))
    gpu.most_rows, gpu.memory_error = 20, RuntimeError("CUDA failure 2: out of memory")
    for device in ("cuda", "cuda+graphs"):
        assert np.array_equal(opened(generator, device).generate_levels(latents(40)), expected)
