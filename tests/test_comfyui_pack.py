"""The folder for ComfyUI's registry: whole, with metadata that holds no invented address."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import ganplugin
from ganplugin.hostpacks import PACKS, pack_files
from tests.source import ROOT, load_script

script = load_script("make_comfyui_pack")
METADATA = {"pyproject.toml", "requirements.txt", "README.md", "icon.png", "LICENSE"}


def parsed(folder: Path) -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML")
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["make_comfyui_pack.py", *arguments])
    script.main()


def test_the_pack_is_what_install_writes_and_metadata(tmp_path):
    folder = script.make(tmp_path, None, None)
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    installed = dict(pack_files(PACKS["comfyui"]))
    assert {name: files[name] for name in installed} == installed
    assert set(files) == set(installed) | METADATA
    assert files["LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert files["icon.png"].startswith(b"\x89PNG")
    assert files["requirements.txt"].decode() == f"ganplugin=={ganplugin.__version__}\n"
    readme = files["README.md"].decode()
    assert all(text in readme for text in ('pip install "ganplugin[cpu]"', "ganplugin[gpu]", "models/ganplugin"))


def test_the_metadata_agrees_with_ours(tmp_path):
    made = parsed(script.make(tmp_path, "https://example.org/source", "somebody"))
    ours = parsed(ROOT)["project"]
    for key in ("name", "version", "description", "requires-python"):
        assert made["project"][key] == ours[key]
    assert made["project"]["license"] == {"file": "LICENSE"}
    assert made["project"]["dependencies"] == [f"ganplugin=={ours['version']}"]
    assert set(ours["classifiers"]) - set(made["project"]["classifiers"]) == {"Environment :: Console"}
    assert made["project"]["urls"] == {"Repository": "https://example.org/source"}
    assert made["tool"]["comfy"] == {
        "PublisherId": "somebody",
        "DisplayName": "ganplugin",
        "Icon": "icon.png",
        "web": "web",
        "requires-comfyui": ">=0.3.60",
    }


def test_what_the_metadata_names_is_there(tmp_path):
    folder = script.make(tmp_path, None, None)
    made = parsed(folder)
    comfy, project = made["tool"]["comfy"], made["project"]
    for name in (comfy["Icon"], comfy["web"], project["readme"], project["license"]["file"]):
        assert (folder / name).exists()


def test_no_address_or_publisher_is_invented(tmp_path, monkeypatch, capsys):
    run(monkeypatch, "--out", str(tmp_path), "--repository", "", "--publisher", "")
    made = parsed(tmp_path / "ganplugin")
    assert "urls" not in made["project"]
    assert "PublisherId" not in made["tool"]["comfy"]
    place, note = capsys.readouterr().out.splitlines()
    assert place == str(tmp_path / "ganplugin")
    assert "--repository" in note
    assert "--publisher" in note


def test_nothing_is_said_where_all_is_given(tmp_path, monkeypatch, capsys):
    run(monkeypatch, "--out", str(tmp_path), "--repository", "https://example.org", "--publisher", "somebody")
    assert capsys.readouterr().out == f"{tmp_path / 'ganplugin'}\n"


def test_an_old_pack_is_replaced_whole(tmp_path):
    folder = script.make(tmp_path, None, None)
    (folder / "web" / "gone.md").write_text("an old page")
    script.make(tmp_path, None, None)
    assert not (folder / "web" / "gone.md").exists()


def test_a_folder_that_is_no_pack_is_left_alone(tmp_path):
    source = tmp_path / "ganplugin" / "__init__.py"
    source.parent.mkdir()
    source.write_text("a package\n")
    with pytest.raises(SystemExit, match="is no pack"):
        script.make(tmp_path, None, None)
    assert source.read_text() == "a package\n"
