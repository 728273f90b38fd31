"""What a start may load: hosts and shells wait for it, so the heavy packages come only with the work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numpy", "torch", "onnx", "onnxruntime", "PIL", "av", "h5py", "safetensors", "onnxscript", "google.protobuf")
CLUSTERS = ("ray", "fsspec")
REPORT = "import json, sys; json.dump([sorted(sys.modules), sys.path], sys.stderr)"
COMMAND_LINE = (
    "import sys; sys.argv = {arguments!r}\n"
    "from ganplugin.cli import main\n"
    "try:\n    main()\n"
    "except SystemExit as end:\n    assert not end.code, end.code\n"
)


def start(code: str, folder: Path) -> tuple[str, set[str], list[str]]:
    """Run ``code`` in a fresh interpreter; return its standard output, the modules it loaded and its search path."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{REPORT}"],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
        env={**os.environ, "COVERAGE_PROCESS_START": "", "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    loaded, path = json.loads(done.stderr)
    return done.stdout, set(loaded), path


def heavy(loaded: set[str]) -> list[str]:
    return [name for name in HEAVY + CLUSTERS if name in loaded]


@pytest.mark.parametrize("module", ["ganplugin", "ganplugin.nodes", "ganplugin.cli", "ganplugin.errors"])
def test_importing_is_light_and_silent(module: str, tmp_path: Path):
    plain_path = start("", tmp_path)[2]
    printed, loaded, path = start(f"import {module}", tmp_path)
    assert heavy(loaded) == []
    assert printed == ""
    assert path == plain_path
    assert {"nodes", "export"}.isdisjoint(loaded)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["sample", "--help"], ["export", "--help"]], ids=" ".join
)
def test_asking_for_help_loads_nothing_heavy(arguments: list[str], tmp_path: Path):
    printed, loaded, _ = start(COMMAND_LINE.format(arguments=["ganplugin", *arguments]), tmp_path)
    assert heavy(loaded) == []
    assert "ganplugin" in printed


def test_every_command_shows_its_help_without_heavy_packages(tmp_path: Path):
    code = (
        "import click\n"
        "from ganplugin.cli import cli\n"
        "context = click.Context(cli, info_name='ganplugin')\n"
        "for name in cli.list_commands(context):\n"
        "    command = cli.get_command(context, name)\n"
        "    print(command.get_help(click.Context(command, info_name=name, parent=context)))\n"
    )
    printed, loaded, _ = start(code, tmp_path)
    assert heavy(loaded) == []
    assert printed.count("Usage: ganplugin") > 10


def test_the_listing_of_nodes_is_light(tmp_path: Path):
    code = "from ganplugin.nodes import NODES\nfor node in NODES: print(node.__name__)\n"
    printed, loaded, _ = start(code, tmp_path)
    assert heavy(loaded) == []
    assert len(printed.splitlines()) >= 10


def test_the_nodes_come_up_in_comfyui_without_loading_anything_heavy(tmp_path: Path):
    stand_in = "models_dir = 'models'\nfolder_names_and_paths = {}\n\ndef get_filename_list(name):\n    return []\n"
    (tmp_path / "folder_paths.py").write_text(stand_in, encoding="utf-8")
    code = (
        "from ganplugin.nodes.comfyui.pack import *\nfor kind in NODE_CLASS_MAPPINGS.values():\n    kind.INPUT_TYPES()"
    )
    printed, loaded, _ = start(code, tmp_path)
    assert heavy(loaded) == []
    assert printed == ""
