"""The models that can be used here, builtin and found, as one list."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ganplugin.builtin import Builtin, builtin_file, catalog
from ganplugin.errors import GanPluginError, ModelError
from ganplugin.library import BUILTIN_PREFIX, find_model_files, portable_name
from ganplugin.modelfile import read_manifest

__all__ = ["ShelfEntry", "list_models"]


class ShelfEntry(BaseModel):
    """One model: how to name it, what it is, and why it cannot be used, if it cannot."""

    model_config = ConfigDict(frozen=True)

    model: str
    kind: str
    family: str
    title: str
    size: tuple[int, int] | None = None
    scale: int = 1
    bytes: int
    styles: tuple[str, ...] = ()
    scorer: str | None = None
    problem: str | None = None


def list_models() -> list[ShelfEntry]:
    """Return the embedded models, then the model files found here; foreign ONNX files are listed with the reason."""
    return [_builtin(name, entry) for name, entry in catalog().items()] + [_file(path) for path in find_model_files()]


def _builtin(name: str, entry: Builtin) -> ShelfEntry:
    problem, size = None, 0
    try:
        size = builtin_file(entry).stat().st_size
    except ModelError as error:
        problem = str(error)
    scorer = None if entry.scorer is None else f"{BUILTIN_PREFIX}{entry.scorer}"
    return ShelfEntry(
        model=f"{BUILTIN_PREFIX}{name}",
        kind=entry.kind,
        family=entry.family,
        title=entry.title,
        size=entry.size,
        bytes=size,
        styles=() if entry.style is None else (entry.style,),
        scorer=scorer,
        problem=problem,
    )


def _file(path: Path) -> ShelfEntry:
    try:
        manifest = read_manifest(path)
    except GanPluginError as error:
        return ShelfEntry(
            model=portable_name(path),
            kind="unknown",
            family="",
            title=path.stem,
            bytes=_bytes(path),
            problem=error.what,
        )
    size = None if manifest.width is None or manifest.height is None else (manifest.width, manifest.height)
    return ShelfEntry(
        model=portable_name(path),
        kind=manifest.kind,
        family=manifest.family,
        title=manifest.name,
        size=size,
        scale=manifest.scale,
        bytes=_bytes(path),
        styles=manifest.styles,
    )


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
