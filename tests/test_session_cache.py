from __future__ import annotations

import logging
import os
import threading

import pytest

from ganplugin import session_cache, sessions
from ganplugin.devices import BOTH_WHEELS_FIX, CPU, Device
from ganplugin.errors import FileError, ModelError, ProviderError
from ganplugin.session_cache import SessionCache, model_digest
from tests import fake_runtime
from tests.fake_runtime import FakeRuntime
from tests.tiny_models import tiny_generator, tiny_scorer, tiny_style

AUTO, CUDA = Device("auto"), Device("cuda")


@pytest.fixture
def runtime(monkeypatch):
    fake = FakeRuntime()
    for module in (sessions, session_cache):
        monkeypatch.setattr(module, "load_onnxruntime", lambda: fake)
        monkeypatch.setattr(module, "both_wheels_installed", lambda: False)
    return fake


@pytest.fixture
def model(tmp_path):
    return tiny_generator(tmp_path / "tiny.onnx")


def test_equal_requests_share_one_session(model, runtime):
    cache = SessionCache()
    assert cache.get(model, CPU, 2) is cache.get(model, CPU, 2)
    assert len(runtime.asked) == 1


def test_a_copy_of_the_file_shares_it_too(model, runtime, tmp_path):
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(model.read_bytes())
    cache = SessionCache()
    assert cache.get(model, CPU, 2) is cache.get(copy, CPU, 2)


def test_other_threads_models_and_devices_have_their_own(model, runtime, tmp_path):
    runtime.working.add(fake_runtime.CUDA)
    cache = SessionCache()
    other = tiny_generator(tmp_path / "other.onnx", size=16)
    found = [cache.get(model, CPU, 2), cache.get(model, CPU, 1), cache.get(other, CPU, 2), cache.get(model, CUDA, 2)]
    assert len({id(session) for session in found}) == 4


def test_a_changed_file_is_opened_anew(model, runtime):
    cache = SessionCache()
    before = cache.get(model, CPU, 2)
    tiny_scorer(model.with_name("scorer.onnx"))
    os.replace(model.with_name("scorer.onnx"), model)
    after = cache.get(model, CPU, 2)
    assert (before.manifest.kind, after.manifest.kind) == ("generator", "scorer")
    assert before.digest != after.digest


def test_the_least_recently_used_is_dropped(runtime, tmp_path):
    cache = SessionCache(capacity=2)
    paths = [tiny_generator(tmp_path / f"{size}.onnx", size=size) for size in (4, 8, 16)]
    first = cache.get(paths[0], CPU, 2)
    cache.get(paths[1], CPU, 2)
    assert cache.get(paths[0], CPU, 2) is first
    cache.get(paths[2], CPU, 2)
    assert cache.get(paths[0], CPU, 2) is first
    opened = len(runtime.asked)
    cache.get(paths[1], CPU, 2)
    assert len(runtime.asked) == opened + 1


def test_many_threads_open_it_once(model, runtime):
    cache, found = SessionCache(), []
    threads = [threading.Thread(target=lambda: found.append(cache.get(model, CPU, 2))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runtime.asked) == 1
    assert len(found) == 8
    assert len({id(session) for session in found}) == 1


def test_auto_takes_the_gpu_that_works(model, runtime):
    runtime.working.add(fake_runtime.CUDA)
    assert SessionCache().get(model, AUTO, 2).provider == "CUDAExecutionProvider"


def test_auto_falls_back_says_so_once_and_does_not_try_again(model, runtime, tmp_path, caplog):
    cache = SessionCache()
    with caplog.at_level(logging.WARNING, "ganplugin"):
        first = cache.get(model, AUTO, 2)
        cache.get(tiny_generator(tmp_path / "other.onnx", size=16), AUTO, 2)
    assert first.provider == "CPUExecutionProvider"
    assert first is cache.get(model, CPU, 2)
    assert len(caplog.messages) == 1
    assert "cuda" in caplog.messages[0]
    assert "CPU instead" in caplog.messages[0]
    assert sum(fake_runtime.CUDA in dict(providers) for providers in runtime.asked) == 1


def test_auto_on_the_cpu_wheel_has_nothing_to_say(model, runtime, caplog):
    runtime.listed = [fake_runtime.CPU]
    assert SessionCache().get(model, AUTO, 2).device == CPU
    assert caplog.messages == []


def test_auto_never_compiles_for_tensorrt(model, runtime):
    runtime.listed = [fake_runtime.TENSORRT, fake_runtime.CPU]
    runtime.working.add(fake_runtime.TENSORRT)
    assert SessionCache().get(model, AUTO, 2).device == CPU


def test_a_demanded_device_is_never_replaced(model, runtime):
    cache = SessionCache()
    cache.get(model, AUTO, 2)
    with pytest.raises(ProviderError):
        cache.get(model, CUDA, 2)


def test_both_wheels_are_reported_once(model, runtime, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(session_cache, "both_wheels_installed", lambda: True)
    cache = SessionCache()
    cache.get(model, CPU, 2)
    cache.get(tiny_style(tmp_path / "style.onnx"), CPU, 2)
    assert [BOTH_WHEELS_FIX in message for message in caplog.messages] == [True]


def test_clearing_forgets_sessions_and_broken_devices(model, runtime):
    cache = SessionCache()
    cache.get(model, AUTO, 2)
    cache.clear()
    runtime.working.add(fake_runtime.CUDA)
    assert cache.get(model, AUTO, 2).device == CUDA


def test_only_directml_runs_take_turns(model, runtime):
    cache = SessionCache()
    runtime.listed.append(fake_runtime.DML)
    runtime.working.add(fake_runtime.DML)
    shared = cache.get(model, Device("directml"), 2)
    with shared.turn():
        assert shared.lock.locked()
    free = cache.get(model, CPU, 2)
    with free.turn():
        assert not free.lock.locked()


def test_a_file_that_changes_while_it_opens_is_refused(model, runtime, monkeypatch):
    original = session_cache.open_with_cache

    def slow(spec, *arguments):
        session = original(spec, *arguments)
        model.write_bytes(model.read_bytes() + b"\x00")
        return session

    monkeypatch.setattr(session_cache, "open_with_cache", slow)
    with pytest.raises(ModelError, match="changed while"):
        SessionCache().get(model, CPU, 2)


def test_a_digest_is_computed_once_for_an_unchanged_file(model, monkeypatch):
    calls = []
    original = session_cache.file_digest
    monkeypatch.setattr(session_cache, "file_digest", lambda path: calls.append(path) or original(path))
    assert model_digest(model) == model_digest(model)
    assert len(calls) == 1


def test_a_missing_file_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        SessionCache().get(tmp_path / "none.onnx", CPU, 2)
