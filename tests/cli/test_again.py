from __future__ import annotations

import json
import shutil

import pytest

from ganplugin.files import file_digest


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (("sample", "full.onnx", "--seeds", "3"), "samples/seed-0003.png"),
        (("sample", "full.onnx", "--seeds", "3", "--format", "jpg"), "samples/seed-0003.jpg"),
        (("sample", "full.onnx", "--seeds", "3", "--format", "webp"), "samples/seed-0003.webp"),
        (("sample", "full.onnx", "--seeds", "3", "--threads", "1"), "samples/seed-0003.png"),
        (("sample", "full.onnx", "--mix", "9", "--truncation", "0.5", "--sheet"), "samples-sheet.png"),
        (("interpolate", "full.onnx", "--frames", "5", "--scale", "16", "--out", "a.mp4"), "a.mp4"),
        (("interpolate", "full.onnx", "--frames", "5", "--out", "a.webp"), "a.webp"),
        (("interpolate", "full.onnx", "--frames", "5", "--out", "f"), "f/frame-00003.png"),
        (("style", "styles.onnx#night", "photos"), "styled/dog-night.png"),
        (("sheet", "photos/cat.jpg", "--model", "styles.onnx", "--threads", "1"), "sheets/cat-sheet.png"),
        (("score", "scorer.onnx", "photos", "--sheet", "best"), "best/ranking.png"),
        (("score", "scorer.onnx", "photos", "--keep", "1", "--sheet", "best"), "best/ranking.png"),
    ],
)
def test_again_is_identical(run, here, arguments, file):
    assert run(*arguments).code == 0
    stem, suffix = file.rsplit(".", 1)
    done = run("again", file)
    assert done.out == f"{stem}-again.{suffix}: identical, byte for byte\n", done.err
    assert file_digest(here / file) == file_digest(here / f"{stem}-again.{suffix}")


def test_again_elsewhere(run, here, tmp_path, monkeypatch):
    assert run("style", "styles.onnx", "photos/cat.jpg").code == 0
    other = tmp_path / "other"
    other.mkdir()
    shutil.move("styled/cat-styles.png", other)
    monkeypatch.chdir(other)
    done = run("again", "cat-styles.png")
    assert done.code == 3
    assert "is missing, and this was made from it - name the folder of the right one with --inputs FOLDER" in done.err
    done = run("again", "cat-styles.png", "--inputs", here, "--inputs", here / "photos", "--out", "b.png", "--json")
    assert json.loads(done.out) == {"file": "b.png", "identical": True, "changed": []}
    assert run("again", "cat-styles.png", "--inputs", here, "--out", "b.png").code == 3


def test_again_tells_why_bytes_differ(run, here, monkeypatch):
    from ganplugin.nodes import again, provenance

    assert run("sample", "full.onnx", "--seeds", "3").code == 0
    new = (("ganplugin", "9.9"), *provenance.current_versions()[1:])
    monkeypatch.setattr(again, "current_versions", lambda: new)
    done = run("again", "samples/seed-0003.png")
    assert done.code == 0
    assert "not the same bytes (ganplugin " in done.out
    assert " -> 9.9)" in done.out


def test_a_changed_model_is_named(run, here):
    assert run("sample", "full.onnx", "--seeds", "3").code == 0
    shutil.copy("plain.onnx", "full.onnx")
    done = run("again", "samples/seed-0003.png")
    assert done.code == 2
    assert "full.onnx: is not the file that this was made from: its content differs" in done.err
