from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin import library
from ganplugin.builtin import Builtin
from ganplugin.errors import FileError, GanPluginError, InputError, ModelError
from ganplugin.library import (
    builtin_styles,
    find_model_files,
    model_folders,
    portable_name,
    resolve_model,
    split_style,
)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("GANPLUGIN_MODELS", raising=False)
    return place


@pytest.fixture
def builtins(monkeypatch, here):
    """Two builtin models, the second of several styles."""
    (here / "a.onnx").write_bytes(b"a")
    entries = {
        "icons": Builtin(file="a.onnx", kind="generator", title="t", family="f", sha256="0" * 64),
        "wave": Builtin(file="a.onnx", kind="style", title="t", family="f", sha256="1" * 64, style="wave"),
        "masters": Builtin(file="a.onnx", kind="style", title="t", family="f", sha256="1" * 64),
    }
    monkeypatch.setattr(library, "catalog", lambda: entries)
    monkeypatch.setattr(library, "builtin_file", lambda entry: here / entry.file)
    return entries


def test_files_are_found_here_in_models_and_in_the_named_folders(here, monkeypatch, tmp_path):
    for folder in ("models", "../one", "../two"):
        (here / folder).mkdir()
    monkeypatch.setenv("GANPLUGIN_MODELS", os.pathsep.join([str(tmp_path / "one"), "", str(tmp_path / "two")]))
    assert model_folders() == (Path(), Path("models"), tmp_path / "one", tmp_path / "two")
    for folder in ("../two", "../one", "models", "."):
        (here / folder / "x.onnx").write_bytes(b"x")
        assert resolve_model("x.onnx").path.resolve() == (here / folder / "x.onnx").resolve()
        assert resolve_model("x.onnx").name == ("models/x.onnx" if folder == "models" else "x.onnx")
    assert find_model_files() == tuple(
        sorted((Path("x.onnx"), Path("models/x.onnx"), tmp_path / "one" / "x.onnx", tmp_path / "two" / "x.onnx"))
    )


def test_a_style_stands_behind_the_last_number_sign(here):
    (here / "x.onnx").write_bytes(b"x")
    (here / "we#ird.onnx").write_bytes(b"x")
    found = resolve_model("x.onnx#wave")
    assert (found.path, found.name, found.style) == (Path("x.onnx"), "x.onnx#wave", "wave")
    assert (resolve_model("x.onnx").style, resolve_model("x.onnx#").style) == (None, None)
    weird = resolve_model("we#ird.onnx")
    assert (weird.path, weird.name, weird.style) == (Path("we#ird.onnx"), "we#ird.onnx", None)
    assert resolve_model("we#ird.onnx#wave").style == "wave"
    (here / "models").mkdir()
    shutil.move("we#ird.onnx", "models")
    assert resolve_model("we#ird.onnx").path == Path("models/we#ird.onnx")


@given(st.text(alphabet="a#/.x"))
def test_splitting_a_style_loses_nothing(text):
    bare, style = split_style(text)
    assert "#" not in style
    assert text in (bare, f"{bare}#{style}")


def test_builtins_by_name_and_style(builtins, here):
    assert resolve_model("builtin:icons").sha256 == "0" * 64
    assert resolve_model("builtin:icons").style is None
    assert resolve_model("builtin:wave").style == "wave"
    assert resolve_model("builtin:masters#night").style == "night"
    assert resolve_model("builtin:masters#night").name == "builtin:masters#night"
    assert builtin_styles() == ("builtin:wave",)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("builtin:icon", InputError, "there is no builtin model 'icon' - did you mean 'icons'?"),
        ("builtin:zzzzzz", InputError, "there is no builtin model 'zzzzzz' - known: icons, masters, wave"),
        ("builtin:", InputError, "there is no builtin model ''"),
        ("", InputError, "no model is named"),
        ("#wave", InputError, "no model is named"),
        ("no.onnx", FileError, "no.onnx: there is no such model file - check the path"),
        ("no.onnx#wave", FileError, "no.onnx: there is no such model file"),
        ("sub/no", FileError, "check the path"),
        ("icon", FileError, "icon: there is no such model file - did you mean 'builtin:icons'?"),
        ("zzzzzz", FileError, "zzzzzz: there is no such model file - see: ganplugin models"),
        ("folder", FileError, "folder: is a folder, not a model file"),
        ("x" * 5000, FileError, "name too long"),
        ("a.onnx/x.onnx", FileError, "there is no such model file"),
        ("C:\\models\\x.onnx", FileError, "there is no such model file"),
        ("nul\0.onnx", FileError, "there is no such model file"),
    ],
)
def test_what_is_not_there_is_told_with_the_next_step(builtins, here, text, error, message):
    (here / "folder").mkdir()
    with pytest.raises(error) as refused:
        resolve_model(text)
    assert message in str(refused.value)


@pytest.mark.parametrize("suffix", [".pt", ".PTH", ".pkl", ".safetensors", ".ckpt"])
def test_checkpoints_are_sent_to_export(here, suffix):
    (here / f"net{suffix}").write_bytes(b"x")
    with pytest.raises(InputError, match=rf"is a checkpoint, not a model file - run: ganplugin export net\{suffix}$"):
        resolve_model(f"net{suffix}")


def test_names_hide_folders_outside_and_keep_those_of_links(here, tmp_path):
    (here / "sub").mkdir()
    (tmp_path / "blob").write_bytes(b"x")
    (here / "x.onnx").symlink_to(tmp_path / "blob")
    (tmp_path / "door").symlink_to(here)
    assert portable_name(Path("sub/a.png")) == "sub/a.png"
    assert portable_name(here / "sub" / ".." / "a.png") == "a.png"
    assert portable_name(Path("../a.png")) == "a.png"
    assert portable_name(tmp_path / "secret" / "a.png") == "a.png"
    assert portable_name(Path("x.onnx")) == "x.onnx"
    assert portable_name(tmp_path / "door" / "sub" / "a.png") == "sub/a.png"
    assert resolve_model("x.onnx").name == "x.onnx"


def test_a_folder_that_is_named_twice_is_searched_once(here, monkeypatch):
    (here / "x.onnx").write_bytes(b"x")
    monkeypatch.setenv("GANPLUGIN_MODELS", os.pathsep.join([str(here), str(here / "no")]))
    assert find_model_files() == (Path("x.onnx"),)


@given(st.text(max_size=30))
def test_any_text_is_a_model_or_one_line(text):
    try:
        resolve_model(text)
    except (InputError, FileError, ModelError) as error:
        assert "\n" not in str(error)
        assert isinstance(error, GanPluginError)
