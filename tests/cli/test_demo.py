from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ganplugin import builtin, demo, library
from ganplugin.builtin import Builtin
from ganplugin.files import file_digest
from ganplugin.manifest import Kind
from tests.nodes.kit import save


@pytest.fixture
def builtins(here, monkeypatch):
    """The small models in place of the embedded ones, and a small photo."""

    def entry(file: str, kind: Kind, style: str | None = None) -> Builtin:
        return Builtin(file=file, kind=kind, title="t", family="f", sha256=file_digest(here / file), style=style)

    entries = {"icons": entry("full.onnx", "generator"), "judge": entry("scorer.onnx", "scorer")}
    entries |= {style: entry("styles.onnx", "style", style) for style in ("wave", "night")}
    for module in (demo, library):
        monkeypatch.setattr(module, "catalog", lambda: entries)
    monkeypatch.setattr(library, "builtin_file", lambda entry: here / entry.file)
    photo = save(here / "photo.webp", 12, 10)
    monkeypatch.setattr(demo, "demo_photo", lambda: photo)
    monkeypatch.setattr(builtin, "demo_photo", lambda: photo)
    return here


def test_the_demonstration_makes_what_it_says(builtins, run, files):
    done = run("demo", "--out", "d")
    assert done.code == 0, done.err
    typed = [line for line in done.out.splitlines() if line.startswith("$ ganplugin ")]
    assert [line.split()[2] for line in typed] == ["sample", "interpolate", "style", "style", "sheet"]
    made = {name.removeprefix("d/") for name in files() if name.startswith("d/")}
    assert {"photo.webp", "photo-sheet.png", "icons/seed-0015.png", "icons-sheet.png"} <= made
    assert {"styles/photo-wave.png", "styles/photo-night.png"} <= made
    assert len([name for name in made if name.startswith("icons-walk.")]) == 1
    assert run("again", "d/styles/photo-night.png").out.endswith("identical, byte for byte\n")
    assert run("demo", "--out", "d").code == 3

    def kept() -> dict[str, bytes]:
        return {name: data for name, data in files().items() if "again" not in name}

    before = kept()
    assert run("demo", "--out", "d", "--overwrite").code == 0
    assert kept() == before


def test_builtins_can_be_used_and_made_again(builtins, run):
    assert run("sample", "builtin:icons", "--seeds", "3").code == 0
    assert run("again", "samples/seed-0003.png").out.endswith("identical, byte for byte\n")
    assert run("style", "builtin:night", "photos/cat.jpg").code == 0
    assert run("again", "styled/cat-night.png").out.endswith("identical, byte for byte\n")


def test_shells_complete_commands_without_loading_them():
    environment = {**os.environ, "_GANPLUGIN_COMPLETE": "bash_complete", "COMP_WORDS": "ganplugin s", "COMP_CWORD": "1"}
    code = "from ganplugin.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert [line.split(",")[1] for line in done.stdout.splitlines()] == ["sample", "style", "sheet", "score", "series"]
