"""Real hosts, made once and kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.source import ROOT


def made(name: str) -> Path:
    """Return the folder of a host; skip the test, with the reason, only where it cannot be had."""
    command = [sys.executable, str(ROOT / "scripts" / "make_host.py"), name]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in run.stderr, run.stderr  # a mistake of ours, not of the machine
    if run.returncode:
        pytest.skip(f"{name} cannot be had here: {run.stderr.strip()[-300:]}")
    return Path(run.stdout.strip().partition(": ")[2])
