from __future__ import annotations

import json

import pytest
from PIL import Image
from pydantic import ValidationError

from ganplugin import builtin
from ganplugin.builtin import builtin_file, catalog, demo_photo, verify_builtins
from ganplugin.errors import ModelError
from ganplugin.files import file_digest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in place of the embedded one, whose catalogue is read afresh."""
    monkeypatch.setattr(builtin, "_FOLDER", tmp_path)
    catalog.cache_clear()
    yield tmp_path
    catalog.cache_clear()


def write(folder, **entries):
    full = {
        name: {"file": "m.onnx", "kind": "generator", "title": "t", "family": "f", "sha256": "0" * 64, **entry}
        for name, entry in entries.items()
    }
    (folder / "catalog.json").write_text(json.dumps({"models": full}))


def test_without_a_catalogue_there_are_no_builtins(folder):
    assert catalog() == {}
    assert verify_builtins() == ()


def test_the_catalogue_keeps_its_order(folder):
    write(folder, b={}, a={"size": [64, 32], "scorer": "b"})
    assert list(catalog()) == ["b", "a"]
    assert catalog()["a"].size == (64, 32)


@pytest.mark.parametrize("wrong", [{"sha256": "x"}, {"kind": "toaster"}, {"nonsense": 1}, {"size": [1]}])
def test_a_wrong_catalogue_is_refused(folder, wrong):
    write(folder, a=wrong)
    with pytest.raises(ValidationError):
        catalog()


def test_lost_and_changed_files_are_noticed(folder):
    (folder / "m.onnx").write_bytes(b"model")
    write(folder, good={"sha256": file_digest(folder / "m.onnx")}, changed={}, lost={"file": "gone.onnx"})
    assert verify_builtins() == ("changed", "lost")
    assert builtin_file(catalog()["good"]) == folder / "m.onnx"
    with pytest.raises(ModelError, match=r"gone\.onnx: the embedded model is missing - install ganplugin again"):
        builtin_file(catalog()["lost"])


def test_what_is_embedded_is_whole():
    assert verify_builtins() == ()
    with Image.open(demo_photo()) as photo:
        assert min(photo.size) >= 200


def test_scorers_are_builtins_too():
    for entry in catalog().values():
        assert entry.scorer is None or catalog()[entry.scorer].kind == "scorer"
