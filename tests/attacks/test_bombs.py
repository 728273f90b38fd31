"""Bounded memory and time: bombs are refused by a process that may take 64 MiB beyond the file's own size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30.0
"""Far below what a bomb takes that goes off, and far above what a busy machine needs to refuse one."""
SMALL_ENOUGH = ("deflated-8.pt", "declared-frame.pkl")
"""Read for what they are: 8 MiB, and an empty pickle."""


@pytest.mark.skipif(sys.platform != "linux", reason="address space is only limited on Linux")
def test_bombs_are_refused_within_memory_and_time() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.attacks.bombing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout)
    assert len(found) >= 18
    for name, (verdict, seconds) in found.items():
        assert verdict.startswith("refused: ") or name in SMALL_ENOUGH, name
        assert "memory" not in verdict, name
        assert seconds < SECONDS, name
