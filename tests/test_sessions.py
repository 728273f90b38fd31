from __future__ import annotations

import builtins
import os
import sys
import types

import pytest

from ganplugin import sessions
from ganplugin.devices import BOTH_WHEELS_FIX, CPU, Device, parse_device
from ganplugin.errors import DependencyError, ModelError, ProviderError
from ganplugin.sessions import SessionSpec, create_session, device_options, load_onnxruntime, short_reason
from tests import fake_runtime
from tests.fake_runtime import FakeRuntime
from tests.tiny_models import tiny_generator

CUDA_NOISE = (
    "\x1b[1;31m2026-01-01 00:00:00.0 [E:onnxruntime:Default, provider_bridge_ort.cc:2251 TryGetProviderInfo_CUDA] "
    "/src/provider_bridge_ort.cc:1844 [ONNXRuntimeError] : 1 : FAIL : Failed to load library libcuda_ep.so with error: "
    "libcublasLt.so.13: cannot open shared object file: No such file or directory\n\x1b[m\n"
    "\x1b[0;93m2026-01-01 00:00:00.1 [W:onnxruntime:Default, state.cc:1013 CreateEP] Failed to create CUDA. "
    "Require cuDNN 9.*.\x1b[m\n"
)


@pytest.fixture
def model(tmp_path):
    return tiny_generator(tmp_path / "tiny.onnx")


@pytest.fixture
def runtime(monkeypatch):
    fake = FakeRuntime()
    monkeypatch.setattr(sessions, "load_onnxruntime", lambda: fake)
    monkeypatch.setattr(sessions, "both_wheels_installed", lambda: False)
    return fake


def spec(model, device="cpu", **more):
    return SessionSpec(model, parse_device(device), 2, **more)


def test_the_real_cpu_comes_up_without_a_word(model, capfd):
    assert create_session(spec(model)).get_providers() == ["CPUExecutionProvider"]
    assert capfd.readouterr() == ("", "")


def test_other_warnings_of_onnxruntime_are_still_seen(model, runtime, monkeypatch, capfd):
    def talkative(path, options, providers, **keywords):
        os.write(
            2,
            b"[W:onnxruntime:, graph.cc:1] Initializer s appears in graph inputs and will not be treated as constant\n"
            b"[W:onnxruntime:, graph.cc:2] something worth knowing\nanother thread\n\nafter a gap\n",
        )
        return FakeRuntime().InferenceSession(path, options, providers)

    monkeypatch.setattr(runtime, "InferenceSession", talkative, raising=False)
    create_session(spec(model))
    assert (
        capfd.readouterr().err
        == "[W:onnxruntime:, graph.cc:2] something worth knowing\nanother thread\n\nafter a gap\n"
    )


def test_the_cpu_wheel_asked_for_cuda_is_an_error_with_the_install_line(model):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this environment has the GPU wheel")
    with pytest.raises(ProviderError) as caught:
        create_session(spec(model, "cuda"))
    assert "--device cuda" in str(caught.value)
    assert 'pip install "ganplugin[gpu]"' in str(caught.value)


def test_a_provider_that_fell_back_silently_is_an_error_with_the_reason(model, runtime, capfd):
    runtime.noise = {2: CUDA_NOISE, 1: "EP Error\n"}
    with pytest.raises(ProviderError) as caught:
        create_session(spec(model, "cuda:1"))
    assert caught.value.where == "--device cuda:1"
    assert caught.value.what == (
        "the device did not come up: libcublasLt.so.13: cannot open shared object file: No such file or directory"
    )
    assert "onnxruntime-gpu[cuda,cudnn]" in str(caught.value.fix)
    # Standard output belongs to results; what is not onnxruntime's log is kept, on the other stream.
    assert capfd.readouterr() == ("", "EP Error\n")


def test_a_fall_back_without_a_word_is_an_error_too(model, runtime):
    with pytest.raises(ProviderError, match="fell back to CPUExecutionProvider without a word"):
        create_session(spec(model, "cuda"))


def test_a_provider_that_raises_is_an_error_with_the_reason(model, runtime):
    runtime.failure = RuntimeError("CUDA failure 100: no CUDA-capable device is detected")
    with pytest.raises(ProviderError, match="no CUDA-capable device"):
        create_session(spec(model, "cuda"))


def test_with_both_wheels_the_fix_is_to_install_one(model, runtime, monkeypatch):
    monkeypatch.setattr(sessions, "both_wheels_installed", lambda: True)
    with pytest.raises(ProviderError) as caught:
        create_session(spec(model, "cuda"))
    assert caught.value.fix == BOTH_WHEELS_FIX


def test_a_provider_that_works_is_used_and_the_cpu_stands_behind_it(model, runtime):
    runtime.working.add(fake_runtime.CUDA)
    session = create_session(spec(model, "cuda:1"))
    assert session.get_providers()[0] == fake_runtime.CUDA
    assert [name for name, _ in runtime.asked[0]] == [fake_runtime.CUDA, fake_runtime.CPU]
    assert runtime.asked[0][0][1]["device_id"] == "1"


def test_tensorrt_leaves_what_it_cannot_do_to_cuda(model, runtime):
    runtime.listed = [fake_runtime.TENSORRT, fake_runtime.CUDA, fake_runtime.CPU]
    runtime.working |= {fake_runtime.TENSORRT, fake_runtime.CUDA}
    assert create_session(spec(model, "tensorrt")).get_providers() == runtime.listed


def test_tensorrt_that_came_up_as_cuda_is_an_error(model, runtime):
    runtime.listed = [fake_runtime.TENSORRT, fake_runtime.CUDA, fake_runtime.CPU]
    runtime.working.add(fake_runtime.CUDA)
    with pytest.raises(ProviderError, match="did not come up"):
        create_session(spec(model, "tensorrt"))


def test_sessions_never_fall_back_by_themselves(model, runtime):
    create_session(spec(model))
    assert runtime.keywords == [{"enable_fallback": 0}]


def test_session_options_are_the_measured_ones(model, runtime):
    create_session(SessionSpec(model, CPU, 3))
    options = runtime.options[0]
    assert options.graph_optimization_level == runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_directml_gets_no_memory_pattern(model, runtime):
    runtime.listed, runtime.working = [fake_runtime.DML, fake_runtime.CPU], {fake_runtime.DML, fake_runtime.CPU}
    create_session(SessionSpec(model, Device("directml"), 2))
    assert runtime.options[0].enable_mem_pattern is False


@pytest.mark.parametrize(("mode", "folder"), [("", "tensorrt"), ("fp16", "tensorrt-fp16")])
def test_tensorrt_keeps_its_engines_and_timings_in_the_cache(model, runtime, monkeypatch, tmp_path, mode, folder):
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "new" / "cache"))
    kept = tmp_path / "new" / "cache" / folder
    expected = {
        "device_id": "1",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(kept),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(kept),
    }
    half = {"trt_fp16_enable": "True"} if mode else {}
    assert device_options("tensorrt", 1, "1.31.1", 2, mode) == expected | half
    runtime.listed = [fake_runtime.TENSORRT, fake_runtime.CUDA, fake_runtime.CPU]
    runtime.working |= {fake_runtime.TENSORRT, fake_runtime.CUDA}
    create_session(SessionSpec(model, Device("tensorrt", 1, mode), 2))
    assert runtime.asked[0][0] == (fake_runtime.TENSORRT, expected | half)
    assert "trt_engine_cache_path" not in runtime.asked[0][1][1]
    assert kept.is_dir(), "onnxruntime makes one folder only"


def test_cuda_graphs_are_asked_for_and_refused_in_words(model, runtime, monkeypatch):
    runtime.working.add(fake_runtime.CUDA)
    create_session(spec(model, "cuda+graphs:1"))
    assert runtime.asked[0][0][1]["enable_cuda_graph"] == "1"
    create_session(spec(model, "cuda"))
    assert "enable_cuda_graph" not in runtime.asked[1][0][1]
    runtime.failure = RuntimeError("This session cannot use the graph capture feature as requested by the user")
    with pytest.raises(ProviderError, match="cannot use the graph capture feature") as caught:
        create_session(spec(model, "cuda+graphs:1"))
    assert caught.value.where == "--device cuda+graphs:1"
    assert "use --device cuda" in str(caught.value.fix)
    monkeypatch.setattr(FakeRuntime, "__version__", "1.17.3")
    with pytest.raises(ProviderError, match=r"need onnxruntime 1\.18"):
        create_session(spec(model, "cuda+graphs"))


def test_openvino_computes_in_single_precision_with_the_threads_asked_for():
    assert device_options("openvino", 0, "1.24.1", 3) == {
        "device_type": "CPU",
        "num_of_threads": "3",
        "precision": "FP32",
    }


def test_older_versions_are_not_given_options_that_they_refuse():
    assert "use_tf32" in device_options("cuda", 0, "1.18.0", 2)
    assert "use_tf32" not in device_options("cuda", 0, "1.17.3", 2)
    assert "use_tf32" not in device_options("cuda", 0, "unknown", 2)
    assert device_options("cpu", 0, "1.31.1", 2) == {}


def test_libraries_that_pip_installed_are_loaded_before_cuda(model, runtime, capfd):
    runtime.preload_dlls = lambda: print("Failed to load libcudart.so.13: not there")
    with pytest.raises(ProviderError, match=r"libcudart\.so\.13"):
        create_session(spec(model, "cuda"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x09" + bytes(range(200))])
def test_a_damaged_file_is_a_model_error_and_prints_nothing_on_stdout(tmp_path, content, capfd):
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        create_session(spec(path))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""


def test_a_missing_onnxruntime_names_both_extras(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DependencyError) as caught:
        load_onnxruntime()
    assert "ganplugin[cpu]" in str(caught.value)
    assert "ganplugin[gpu]" in str(caught.value)


def test_an_onnxruntime_that_does_not_load_gives_the_reason(monkeypatch):
    original = builtins.__import__

    def refuse(name, *arguments, **keywords):
        if name == "onnxruntime":
            raise ImportError("libstdc++.so.6: version `GLIBCXX_3.4.30' not found")
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DependencyError, match="does not load: libstdc"):
        load_onnxruntime()


def test_the_real_module_is_given_back():
    assert isinstance(load_onnxruntime(), types.ModuleType)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Invalid rank for input: z", "Invalid rank for input: z"),
        (
            "/src/state.cc:729 void ns::Register(Options&, const Map&) Please install TensorRT",
            "Please install TensorRT",
        ),
        ("one\n two", "one two"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_reasons_are_one_short_line(text, reason):
    assert short_reason(text) == reason
