from __future__ import annotations

from pathlib import Path

import click
import pytest

from ganplugin import demo
from ganplugin.builtin import Builtin, demo_photo
from ganplugin.cli import cli
from ganplugin.demo import demo_commands, write_photo
from ganplugin.errors import FileError


@pytest.fixture
def catalogue(monkeypatch):
    kinds = {"icons": "generator", "icons-scorer": "scorer", "wave": "style", "night": "style"}
    entries = {
        name: Builtin(file="m.onnx", kind=kind, title="t", family="f", sha256="0" * 64) for name, kind in kinds.items()
    }
    monkeypatch.setattr(demo, "catalog", lambda: entries)
    monkeypatch.setattr(demo, "builtin_styles", lambda: ("builtin:wave", "builtin:night"))


def test_every_generator_and_style_is_shown(catalogue):
    made = demo_commands(Path("out"), Path("out/cat.webp"), ".mp4")
    assert [command[:2] for command in made] == [
        ["sample", "builtin:icons"],
        ["interpolate", "builtin:icons"],
        ["style", "builtin:wave"],
        ["style", "builtin:night"],
        ["sheet", "out/cat.webp"],
    ]
    assert made[1][-1] == "out/icons-walk.mp4"


def test_the_commands_are_ones_that_can_be_typed(catalogue):
    for arguments in demo_commands(Path("out"), Path("out/cat.webp"), ".webp"):
        context = click.Context(cli)
        command = cli.get_command(context, arguments[0])
        assert command is not None
        assert any("--overwrite" in parameter.opts for parameter in command.params)
        command.make_context(arguments[0], arguments[1:], parent=context)


def test_the_photo_is_copied_and_never_over_another(tmp_path):
    path = write_photo(tmp_path, overwrite=False)
    assert path.read_bytes() == demo_photo().read_bytes()
    path.write_bytes(b"mine")
    with pytest.raises(FileError, match="exists already"):
        write_photo(tmp_path, overwrite=False)
    assert path.read_bytes() == b"mine"
    assert write_photo(tmp_path, overwrite=True).read_bytes() == demo_photo().read_bytes()
