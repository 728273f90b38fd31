"""Who may import whom: the picture of CONTRIBUTING, held against the code by reading it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.source import Module, modules

LONGEST_FILE = 400

# A row for each module or package of the core, from the bottom up: what of ours it may import.
# A package's row holds for all its modules, which may import one another.


def ours(*names: str) -> set[str]:
    return {f"ganplugin.{name}" for name in names}


BASE = ours("cache", "errors", "limits", "files", "machine", "registry", "seeds")
FORMATS = ours(
    "animation",
    "animation_reader",
    "builtin",
    "captions",
    "colour",
    "decoding",
    "film_files",
    "film_parts",
    "film_reader",
    "framing",
    "images",
    "inspection",
    "latent_files",
    "latents",
    "levels",
    "library",
    "manifest",
    "modelfile",
    "picture_text",
    "png",
    "provenance",
    "seal",
    "sheets",
    "shots",
    "sizing",
    "soundtrack",
    "steadying",
    "timeline",
    "video",
)
RUNTIME = ours(
    "batches",
    "bound_runs",
    "conversion",
    "devices",
    "execution",
    "feeds",
    "fixed_statistics",
    "interruption",
    "isolated",
    "native_output",
    "optimised",
    "runtime",
    "session_cache",
    "sessions",
    "tiled_style",
)
SERVICES = ours("bench", "demo", "doctor", "hostpacks", "shelf")
NETWORKS = ours("errors", "limits", "registry", "manifest")
MAY_IMPORT: dict[str, set[str]] = {
    "ganplugin": set(),
    "ganplugin.__main__": ours("cli"),
    **dict.fromkeys(BASE, BASE),
    **dict.fromkeys(FORMATS, BASE | FORMATS),
    **dict.fromkeys(RUNTIME, BASE | FORMATS | RUNTIME | ours("tiling")),
    "ganplugin.tiling": ours("errors", "files"),
    "ganplugin.pages": set(),
    "ganplugin.plugins": set(),
    **dict.fromkeys(SERVICES, BASE | FORMATS | RUNTIME | ours("plugins")),
    "ganplugin.nodes": BASE | FORMATS | RUNTIME,
    "ganplugin.nodes.ryven": BASE | ours("nodes"),
    "ganplugin.nodes.ryven_window": ours("nodes", "nodes.ryven"),
    "ganplugin.nodes.blender": BASE | FORMATS | RUNTIME | ours("nodes"),
    "ganplugin.nodes.comfyui": BASE | FORMATS | RUNTIME | ours("nodes"),
    "ganplugin.nodes.invokeai": BASE | FORMATS | RUNTIME | ours("nodes"),
    "ganplugin.series": BASE | FORMATS | RUNTIME | ours("nodes", "pages"),
    "ganplugin.models": NETWORKS,
    "ganplugin.train": BASE | FORMATS | ours("models", "pages"),
    "ganplugin.export": BASE | FORMATS | RUNTIME | ours("models", "plugins"),
    "ganplugin.cli": BASE | FORMATS | RUNTIME | SERVICES | ours("nodes", "series", "export", "train"),
}


@dataclass(frozen=True)
class Guest:
    """Where a heavy package may be imported: with the module, or only when one of its functions is called."""

    at_once: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()


def guest(*, at_once: str = "", late: str = "") -> Guest:
    return Guest(frozenset(at_once.split()), frozenset(late.split()))


TORCH_HOMES = "ganplugin.models ganplugin.train ganplugin.export"
GUESTS = {
    "torch": guest(at_once=TORCH_HOMES, late="ganplugin.nodes.comfyui"),
    "torchvision": guest(late="ganplugin.train"),
    "lightning_fabric": guest(late="ganplugin.train"),
    "torchmetrics": guest(late="ganplugin.train ganplugin.cli"),
    "safetensors": guest(at_once="ganplugin.train ganplugin.export"),
    "spandrel": guest(late="ganplugin.models"),
    "h5py": guest(late="ganplugin.train ganplugin.export"),
    "onnx": guest(
        late="ganplugin.conversion ganplugin.doctor ganplugin.fixed_statistics ganplugin.inspection "
        "ganplugin.modelfile ganplugin.tiling ganplugin.export"
    ),
    "onnx_ir": guest(late="ganplugin.export"),
    "onnxscript": guest(late="ganplugin.export"),
    "onnxruntime": guest(late=" ".join(RUNTIME)),
    "av": guest(late="ganplugin.film_files ganplugin.film_reader ganplugin.soundtrack ganplugin.video"),
    "ray": guest(late="ganplugin.series"),
    "fsspec": guest(late="ganplugin.series"),
    "invokeai": guest(late="ganplugin.nodes.invokeai"),
    "ryvencore": guest(at_once="ganplugin.nodes.ryven ganplugin.nodes.ryven_window"),
    "ryven": guest(at_once="ganplugin.nodes.ryven_window"),
    "bpy": guest(at_once="ganplugin.nodes.blender"),
}


def row_of(name: str) -> str:
    """Return the row that a module stands in: its own, else its package's."""
    row = name
    while row not in MAY_IMPORT:
        row = row.rpartition(".")[0]
    assert row != "ganplugin" or name == row, f"give {name} a row in MAY_IMPORT"
    return row


@dataclass(frozen=True)
class Import:
    """One name that a module imports; ``late`` if only a function does it, ``typing`` if only type checkers do."""

    name: str
    line: int
    late: bool
    typing: bool


class _Imports(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[Import] = []
        self.depth = 0
        self.typing = 0

    def _add(self, name: str, line: int) -> None:
        self.found.append(Import(name, line, late=self.depth > 0, typing=self.typing > 0))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, f"line {node.lineno}: relative import"
        for alias in node.names:
            self._add(f"{node.module}.{alias.name}", node.lineno)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    def visit_If(self, node: ast.If) -> None:
        typing = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        self.typing += typing
        for child in node.body:
            self.visit(child)
        self.typing -= typing
        for child in node.orelse:
            self.visit(child)


def imports_of(module: Module) -> list[Import]:
    visitor = _Imports()
    visitor.visit(module.tree)
    return visitor.found


MODULES = list(modules())
EACH = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
KNOWN = {module.name for module in MODULES}


def owned(imported: str) -> str | None:
    """Return the module of ours that an imported name stands for or lies in."""
    if imported.split(".")[0] != "ganplugin":
        return None
    while imported not in KNOWN:
        imported = imported.rpartition(".")[0]
    return imported


@EACH
def test_a_module_imports_only_what_its_row_allows(module):
    row = row_of(module.name)
    for item in imports_of(module):
        target = owned(item.name)
        if target in (None, "ganplugin", module.name):
            continue
        target_row = row_of(target)
        assert target_row == row or target_row in MAY_IMPORT[row], (
            f"{module.path}:{item.line}: {row} may not import {item.name}"
        )


@EACH
def test_heavy_packages_are_imported_only_where_they_may_be(module):
    row = row_of(module.name)
    for item in imports_of(module):
        allowed = GUESTS.get(item.name.split(".")[0])
        if allowed is None or item.typing:
            continue
        places = allowed.at_once | allowed.late if item.late else allowed.at_once
        assert row in places, f"{module.path}:{item.line}: {item.name} may not be imported here"


@EACH
def test_the_import_names_of_other_projects_are_left_alone(module):
    for item in imports_of(module):
        assert item.name.split(".")[0] not in ("nodes", "export"), (
            f"{module.path}:{item.line}: write ganplugin.{item.name}"
        )


@EACH
def test_a_file_has_one_noun_and_a_bounded_length(module):
    lines = len(module.text.splitlines())
    assert lines <= LONGEST_FILE, f"{module.path} has {lines} lines: split it"
    assert module.path.stem not in ("utils", "helpers", "misc", "common"), f"{module.path}: name it after what it holds"


def test_no_two_modules_need_each_other():
    graph = {
        module.name: {
            target
            for item in imports_of(module)
            if not item.late and not item.typing and (target := owned(item.name)) not in (None, module.name)
        }
        for module in MODULES
    }
    assert list(cycles(graph)) == []


def cycles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Give one path for each module that can be reached from itself."""
    for start in graph:
        seen: set[str] = set()
        paths = [[start]]
        while paths:
            path = paths.pop()
            for name in graph.get(path[-1], ()):
                if name == start:
                    yield [*path, start]
                elif name not in seen:
                    seen.add(name)
                    paths.append([*path, name])


def test_each_row_stands_for_something():
    assert set(MAY_IMPORT) - {row_of(name) for name in KNOWN} == set(), "rows of modules that are gone"


def test_the_rules_notice_what_they_forbid(tmp_path: Path):
    text = "import torch\ndef f():\n    import onnxruntime\nif TYPE_CHECKING:\n    import numpy\nfrom nodes import x\n"
    module = Module("ganplugin.runtime", tmp_path / "runtime.py", text)
    found = {item.name: (item.late, item.typing) for item in imports_of(module)}
    assert found == {
        "torch": (False, False),
        "onnxruntime": (True, False),
        "numpy": (False, True),
        "nodes.x": (False, False),
    }
    with pytest.raises(AssertionError, match="torch may not be imported here"):
        test_heavy_packages_are_imported_only_where_they_may_be(module)
    with pytest.raises(AssertionError, match=r"write ganplugin\.nodes"):
        test_the_import_names_of_other_projects_are_left_alone(module)
    assert list(cycles({"a": {"b"}, "b": {"a"}, "c": {"a"}})) == [["a", "b", "a"], ["b", "a", "b"]]
