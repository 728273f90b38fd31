"""Environments of old packages, made once and kept beside the packages of the tests."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path


def python_with(name: str, *requirements: str) -> Path:
    """Return the interpreter of an environment that holds these requirements and nothing of ours."""
    place = Path(sys.prefix) / "runtimes" / name
    python = place / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    complete = place / "complete"
    wanted = "\n".join(requirements)
    if not complete.exists() or complete.read_text(encoding="utf-8") != wanted:
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
        complete.write_text(wanted, encoding="utf-8")
    return python
