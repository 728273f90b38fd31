"""The oldest packages that pyproject allows, which hosts hold fixed, are enough to render. ``make test-runtimes``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtimes.environments import python_with
from tests.source import ROOT, load_script

pytestmark = [
    pytest.mark.runtimes,
    pytest.mark.skipif(sys.version_info >= (3, 13), reason="the old packages have no wheels for Python 3.13"),
]


def oldest(text: str) -> tuple[str, ...]:
    """Return the base requirements of a pyproject.toml and the CPU runtime, each at its least version."""
    base = re.search(r"^dependencies = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    runtime = re.search(r"^cpu = \[(.*?)\]", text, re.MULTILINE)
    assert base is not None
    assert runtime is not None
    return tuple(line.replace(">=", "==") for line in re.findall(r'"([^"]+)"', base[1] + runtime[1]))


def test_the_oldest_packages_are_enough_to_render(tmp_path: Path):
    requirements = oldest((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert len(requirements) >= 8
    python = python_with("oldest", *requirements)
    tree = load_script("link_types").build(ROOT, tmp_path / "tree")
    run = subprocess.run(
        [python, "-m", "ganplugin", "demo", "--out", "demo"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"},
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert len(list((tmp_path / "demo").rglob("*.png"))) >= 10
