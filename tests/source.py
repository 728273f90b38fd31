"""The source as the guard tests read it: every module with its import name, text and syntax tree, and the scripts."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"ganplugin": ROOT / "ganplugin", "ganplugin.export": ROOT / "export", "ganplugin.nodes": ROOT / "nodes"}


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed text."""
        return ast.parse(self.text, str(self.path))


def modules() -> Iterator[Module]:
    """Give every module of the three folders."""
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            yield Module(name, path, path.read_text(encoding="utf-8"))


def load_script(name: str) -> ModuleType:
    """Import ``scripts/<name>.py``, which is no part of a package: pytest's ``pythonpath`` has the folder."""
    return importlib.import_module(name)
