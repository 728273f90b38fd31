"""The pack of docs/hosts/ryven.md in the real window of Ryven."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from ganplugin.nodes import NODES, Sample
from ganplugin.nodes.ports import inputs_of, summary
from tests.hosts.environments import made
from tests.source import ROOT, load_script
from tests.tiny_models import tiny_generator

pytestmark = pytest.mark.hosts


def nodes_file() -> str:
    """Return the ``nodes.py`` that the page tells people to write."""
    page = (ROOT / "docs" / "hosts" / "ryven.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```py\n(.*?)```", page, re.DOTALL)
    return text


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("ryven")
    pack = folder / "ganplugin_ryven"
    pack.mkdir()
    (pack / "nodes.py").write_text(nodes_file(), encoding="utf-8")
    model = tiny_generator(folder / "full.onnx")
    tree = load_script("link_types").build(ROOT, folder / "tree")
    command = [made("ryven") / "venv/bin/python", Path(__file__).with_name("in_ryven.py"), pack, model, folder / "out"]
    environment = {**os.environ, "PYTHONPATH": str(tree), "QT_QPA_PLATFORM": "offscreen", "QT_API": "pyside6"}
    run = subprocess.run(command, capture_output=True, text=True, env={**environment, "HOME": str(folder)}, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return {**json.loads(run.stdout), "files": sorted(path.name for path in (folder / "out").iterdir())}


def test_every_node_is_in_the_list(seen):
    assert {f"ganplugin_ryven.{kind.id}" for kind in NODES} <= set(seen["types"])


def test_what_is_typed_into_fields_is_rendered_when_run_is_chosen(seen):
    assert seen["errors"] == ["", "", ""]
    assert seen["files"] == ["seed-0003.png", "seed-0004.png"]


def test_every_plain_input_has_a_field(seen):
    wanted = [place for place, port in enumerate(inputs_of(Sample)) if not port.is_socket]
    assert seen["fields"]["Sample"] == wanted
    assert html.escape(summary(Sample)) in seen["help"]


def test_a_wrong_value_is_one_line_and_is_still_there_after_loading(seen):
    assert seen["wrong"] == "GanPluginSample: truncation: input should be a valid number"
    assert seen["values"] == [None, "3,4", "much", "", "constant", 0, None, 0]
