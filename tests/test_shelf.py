from __future__ import annotations

import pytest

from ganplugin import shelf
from ganplugin.builtin import Builtin
from ganplugin.errors import ModelError
from ganplugin.library import resolve_model
from ganplugin.shelf import list_models
from tests.tiny_models import tiny_generator, tiny_style


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANPLUGIN_MODELS", raising=False)
    monkeypatch.setattr(shelf, "catalog", dict)
    return tmp_path


def test_files_are_listed_as_they_can_be_named(here):
    (here / "models").mkdir()
    tiny_generator(here / "b.onnx", name="bee")
    tiny_style(here / "models" / "a.onnx")
    listed = list_models()
    assert [(entry.model, entry.kind, entry.title, entry.size) for entry in listed] == [
        ("b.onnx", "generator", "bee", (8, 8)),
        ("models/a.onnx", "style", "tiny", None),
    ]
    assert listed[1].styles == ("wave", "night")
    for entry in listed:
        assert resolve_model(entry.model).path.stat().st_size == entry.bytes
        assert entry.problem is None


def test_foreign_files_are_listed_with_the_reason(here):
    (here / "foreign.onnx").write_bytes(b"not a model")
    (here / "gone.onnx").symlink_to(here / "nowhere")
    (here / "folder.onnx").mkdir()
    found = {entry.model: entry for entry in list_models()}
    assert sorted(found) == ["folder.onnx", "foreign.onnx", "gone.onnx"]
    assert all(entry.kind == "unknown" and entry.problem for entry in found.values())
    assert found["foreign.onnx"].bytes == 11
    assert found["gone.onnx"].bytes == 0


def test_builtins_come_first_and_lost_ones_say_so(here, monkeypatch):
    tiny_generator(here / "b.onnx")
    entries = {
        "icons": Builtin(
            file="b.onnx", kind="generator", title="Icons", family="f", sha256="0" * 64, scorer="s", size=(8, 8)
        ),
        "wave": Builtin(file="gone", kind="style", title="Wave", family="f", sha256="0" * 64, style="wave"),
    }

    def file(entry):
        if entry.file == "gone":
            raise ModelError("the embedded model is missing", where="gone")
        return here / entry.file

    monkeypatch.setattr(shelf, "catalog", lambda: entries)
    monkeypatch.setattr(shelf, "builtin_file", file)
    icons, wave, own = list_models()
    assert (icons.model, icons.scorer, icons.size, icons.styles) == ("builtin:icons", "builtin:s", (8, 8), ())
    assert icons.bytes == (here / "b.onnx").stat().st_size
    assert (wave.problem, wave.styles, wave.scorer) == ("gone: the embedded model is missing", ("wave",), None)
    assert own.model == "b.onnx"
