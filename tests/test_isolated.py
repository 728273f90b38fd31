from __future__ import annotations

import io
import signal
from pathlib import Path

import numpy as np
import pytest

from ganplugin import isolated
from ganplugin.devices import CPU
from ganplugin.errors import ModelError
from ganplugin.isolated import IsolatedSession, read_frame, serve, write_frame
from ganplugin.runtime import RuntimeOptions, open_model
from ganplugin.sessions import SessionSpec
from tests.tiny_models import tiny_generator

Z = np.random.RandomState(3).randn(3, 4).astype(np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_generator(tmp_path / "tiny.onnx", z_dim=4)


def test_another_process_computes_the_same_bytes(model: Path) -> None:
    expected = open_model(model, RuntimeOptions(device="cpu")).run({"z": Z})
    with IsolatedSession(model) as session:
        for _ in range(2):
            found = session.run({"z": Z}, list(expected))
            assert {name: value.tobytes() for name, value in found.items()} == {
                name: value.tobytes() for name, value in expected.items()
            }


def test_a_run_that_fails_is_told_and_the_next_one_works(model: Path) -> None:
    with IsolatedSession(model) as session:
        with pytest.raises(ModelError, match="fails when it runs") as caught:
            session.run({"z": Z[:, :1]}, ["image"])
        assert caught.value.where == str(model.absolute())
        assert session.run({"z": Z}, ["image"])["image"].shape[0] == 3


def test_a_file_that_onnxruntime_refuses(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"\x08\x08nonsense")
    with pytest.raises(ModelError, match="onnxruntime refuses it"):
        IsolatedSession(path)


def test_a_crash_is_an_error_that_names_the_signal(model: Path) -> None:
    with IsolatedSession(model) as session:
        session._process.kill()
        with pytest.raises(ModelError, match=r"crashes onnxruntime \(SIGKILL\)"):
            session.run({"z": Z}, ["image"])


def test_a_file_in_the_current_folder_does_not_stand_in_for_a_package(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('a stranger was imported')")
    monkeypatch.chdir(tmp_path)
    with IsolatedSession(model) as session:
        assert session.run({"z": Z}, ["image"])["image"].shape[0] == 3


def test_ctrl_c_in_the_terminal_is_left_to_the_parent(model: Path) -> None:
    with IsolatedSession(model) as session:
        session._process.send_signal(signal.SIGINT)
        assert session.run({"z": Z}, ["image"])["image"].shape[0] == 3


def test_frames_carry_every_shape_and_type() -> None:
    arrays = {
        "a": np.float32(4),
        "b": np.zeros((0, 3), np.int64),
        "c": np.arange(6, dtype=np.uint8).reshape(2, 3).T,
    }
    stream = io.BytesIO()
    write_frame(stream, {"outputs": ["x"]}, arrays)
    stream.seek(0)
    frame = read_frame(stream)
    assert frame is not None
    head, found = frame
    assert head == {"outputs": ["x"]}
    for name, value in arrays.items():
        assert np.array_equal(found[name], value)
        assert found[name].dtype == value.dtype
    assert read_frame(stream) is None


def test_a_frame_that_is_cut_off_is_the_end() -> None:
    stream = io.BytesIO()
    write_frame(stream, {}, {"a": np.ones(3)})
    assert read_frame(io.BytesIO(stream.getvalue()[:-1])) is None


def test_serving_in_this_process(model: Path, tmp_path: Path) -> None:
    """What the other process does, where coverage sees it."""
    questions, answers = io.BytesIO(), io.BytesIO()
    write_frame(questions, {"outputs": ["image"]}, {"z": Z})
    write_frame(questions, {"outputs": ["image"]}, {"z": Z[:, :1]})
    questions.seek(0)
    serve(SessionSpec(model, CPU, 2), questions, answers)
    answers.seek(0)
    frames = [read_frame(answers) for _ in range(4)]
    assert frames[0] == ({}, {})
    assert frames[1] is not None
    assert frames[1][1]["image"].shape[0] == 3
    assert frames[2] is not None
    assert frames[2][0]["error"] == "ModelError"
    assert frames[3] is None
    refused = io.BytesIO()
    (tmp_path / "x").write_bytes(b"")
    serve(SessionSpec(tmp_path / "x", CPU, 2), io.BytesIO(), refused)
    assert b"refuses it" in refused.getvalue()


def test_the_frames_stay_clean_where_native_code_prints(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chatty = """
import os, sys
import ganplugin.isolated as isolated
quiet = isolated.serve
def serve(*arguments):
    os.write(1, b"chatter")
    quiet(*arguments)
isolated.serve = serve
isolated.main(sys.argv[1:])
"""
    monkeypatch.setattr(isolated, "_PROGRAM", chatty)
    with IsolatedSession(model) as session:
        assert session.run({"z": Z}, ["image"])["image"].shape[0] == 3
