"""Files that are made from a collection: remade at any time, the same bytes from the same collection."""

from __future__ import annotations

import re
from collections.abc import Collection as Names
from pathlib import Path

from ganplugin.files import atomic_write, os_errors

__all__ = ["sweep", "write_derived"]


def write_derived(path: Path, text: str) -> Path:
    """Write a text file whole, in UTF-8, over what an earlier run wrote, and return its path.

    A file that holds just this stays untouched: a remade folder of thousands costs no thousands of writes.
    Raises `FileError` on any operating-system refusal.
    """
    data = text.encode("utf-8", "replace")
    with os_errors(path):
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return path
    with atomic_write(path, overwrite=True) as part:
        part.write_bytes(data)
    return path


def sweep(folder: Path, pattern: str, kept: Names[str]) -> None:
    """Delete what an earlier run left in ``folder``: files whose whole names match ``pattern`` and are not ``kept``."""
    with os_errors(folder):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if re.fullmatch(pattern, path.name) and path.name not in kept and path.is_file():
                path.unlink()
