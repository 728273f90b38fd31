"""Build build/types: a tree in which type checkers see the three source folders as the one package that they are.

``ganplugin.export`` and ``ganplugin.nodes`` live in ``export/`` and ``nodes/``, which the installed package maps with
an import hook that static tools cannot follow. Here every entry is a link to the real file, so a report is always of
the current text; where links are not allowed (Windows without developer mode) it is a copy, made anew on each run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["build", "main"]

ROOT = Path(__file__).resolve().parent.parent
MAPPED = ("export", "nodes")
CHECKED_BESIDE = ("tests", "scripts")


def _wanted(root: Path, tree: Path) -> Iterator[tuple[Path, Path]]:
    for entry in sorted((root / "ganplugin").iterdir()):
        if entry.name != "__pycache__":
            yield tree / "ganplugin" / entry.name, entry
    for folder in MAPPED:
        yield tree / "ganplugin" / folder, root / folder
    for folder in CHECKED_BESIDE:
        if (root / folder).is_dir():
            yield tree / folder, root / folder


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _show(place: Path, source: Path) -> None:
    target = os.path.relpath(source, place.parent)
    if place.is_symlink() and str(place.readlink()) == target:
        return
    _remove(place)
    try:
        place.symlink_to(target, target_is_directory=source.is_dir())
    except OSError:
        if source.is_dir():
            shutil.copytree(source, place)
        else:
            shutil.copy2(source, place)


def build(root: Path = ROOT, tree: Path | None = None) -> Path:
    """Bring the tree up to date and return the folder to put on a type checker's search path."""
    tree = tree or root / "build" / "types"
    package = tree / "ganplugin"
    package.mkdir(parents=True, exist_ok=True)
    wanted = dict(_wanted(root, tree))
    for place in (*tree.iterdir(), *package.iterdir()):
        if place != package and place not in wanted:
            _remove(place)
    for place, source in wanted.items():
        _show(place, source)
    return tree


def main() -> None:
    """Build the tree of this repository."""
    build()


if __name__ == "__main__":
    main()
