from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganplugin import optimised
from ganplugin.devices import CPU, Device
from ganplugin.errors import ModelError
from ganplugin.optimised import SMALLEST_BYTES, open_with_cache
from ganplugin.sessions import SessionSpec, create_session
from tests.tiny_models import tiny_style

DIGEST = "a" * 64


class Recorder:
    """Opens sessions and notes which file each came from."""

    def __init__(self) -> None:
        self.specs: list[SessionSpec] = []

    def __call__(self, spec):
        self.specs.append(spec)
        return create_session(spec)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "optimised"


@pytest.fixture
def large(tmp_path, monkeypatch):
    path = tiny_style(tmp_path / "large.onnx")
    monkeypatch.setattr(optimised, "SMALLEST_BYTES", path.stat().st_size)
    return SessionSpec(path, CPU, 2)


def painted(session):
    content = np.random.RandomState(0).rand(2, 3, 17, 33).astype(np.float32)
    return session.run(["image"], {"content": content})[0].tobytes()


def test_a_large_model_is_kept_optimised_and_computes_the_same_bytes(folder, large, capfd):
    create = Recorder()
    first = open_with_cache(large, DIGEST, "1", create)
    second = open_with_cache(large, DIGEST, "1", create)
    assert [spec.path == large.path for spec in create.specs] == [True, False]
    assert create.specs[1].optimised
    assert painted(first) == painted(second) == painted(create_session(large))
    assert sorted(path.suffix for path in folder.iterdir()) == [".onnx", ".sha256"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("digest", "version"), [("b" * 64, "1"), (DIGEST, "2")])
def test_another_model_or_version_has_its_own_copy(folder, large, digest, version):
    open_with_cache(large, DIGEST, "1", create_session)
    create = Recorder()
    open_with_cache(large, digest, version, create)
    assert create.specs[0].path == large.path
    assert len(list(folder.glob("*.onnx"))) == 2


def test_another_processor_has_its_own_copy(folder, large, monkeypatch):
    open_with_cache(large, DIGEST, "1", create_session)
    monkeypatch.setattr(optimised, "_processor", lambda: "another")
    open_with_cache(large, DIGEST, "1", create_session)
    assert len(list(folder.glob("*.onnx"))) == 2


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "harm", [damage, lambda path: path.write_bytes(b""), lambda path: path.with_suffix(".sha256").unlink()]
)
def test_a_damaged_copy_is_ignored_and_written_anew(folder, large, harm):
    expected = painted(open_with_cache(large, DIGEST, "1", create_session))
    harm(next(folder.glob("*.onnx")))
    create = Recorder()
    assert painted(open_with_cache(large, DIGEST, "1", create)) == expected
    assert create.specs[0].path == large.path
    open_with_cache(large, DIGEST, "1", create)
    assert create.specs[-1].optimised


def test_a_whole_copy_that_onnxruntime_refuses_is_written_anew(folder, large, monkeypatch):
    open_with_cache(large, DIGEST, "1", create_session)
    refused = []

    def create(spec):
        if spec.optimised:
            refused.append(spec)
            raise ModelError("no")
        return create_session(spec)

    assert painted(open_with_cache(large, DIGEST, "1", create)) == painted(create_session(large))
    assert len(refused) == 1


def test_a_cache_that_cannot_be_written_costs_only_the_gain(tmp_path, large, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("GANPLUGIN_CACHE", str(blocked))
    assert painted(open_with_cache(large, DIGEST, "1", create_session)) == painted(create_session(large))


def test_a_disk_that_fills_while_the_copy_is_written_costs_only_the_gain(folder, large):
    def create(spec):
        if spec.write_optimised is not None:
            raise ModelError("no space left on device")
        return create_session(spec)

    assert painted(open_with_cache(large, DIGEST, "1", create)) == painted(create_session(large))
    assert list(folder.iterdir()) == []


def test_small_files_and_compiling_devices_are_never_cached(folder, large, monkeypatch):
    seen = []
    open_with_cache(SessionSpec(large.path, Device("tensorrt"), 2), DIGEST, "1", seen.append)
    monkeypatch.setattr(optimised, "SMALLEST_BYTES", SMALLEST_BYTES)
    open_with_cache(large, DIGEST, "1", seen.append)
    assert [spec.write_optimised for spec in seen] == [None, None]
    assert not folder.exists()


def test_old_copies_are_dropped(folder, large):
    for number in range(10):
        open_with_cache(large, f"{number:064d}", "1", create_session)
    assert len(list(folder.glob("*.onnx"))) == len(list(folder.glob("*.sha256"))) == 8
