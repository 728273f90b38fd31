"""The embedded models and their catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ganplugin.errors import ModelError
from ganplugin.files import file_digest
from ganplugin.manifest import Kind

__all__ = ["Builtin", "builtin_file", "catalog", "demo_photo", "verify_builtins"]

_FOLDER = Path(__file__).parent


class Builtin(BaseModel):
    """One embedded model: a file, or one style of a file that holds several."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    kind: Kind
    title: str
    family: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    style: str | None = None
    size: tuple[int, int] | None = Field(default=None, description="width and height in pixels; none means any")
    scorer: str | None = Field(default=None, description="the builtin that scores this generator's pictures")


class _Catalog(BaseModel):
    models: dict[str, Builtin]


@cache
def catalog() -> Mapping[str, Builtin]:
    """Return the embedded models by name, in the order in which they are shown."""
    file = _FOLDER / "catalog.json"
    if not file.is_file():
        return {}
    return _Catalog.model_validate(json.loads(file.read_text(encoding="utf-8"))).models


def builtin_file(entry: Builtin) -> Path:
    """Return the path of an embedded model. Raises `ModelError` if the installation has lost it."""
    path = _FOLDER / entry.file
    if not path.is_file():
        raise ModelError("the embedded model is missing", where=entry.file, fix="install ganplugin again")
    return path


def demo_photo() -> Path:
    """Return the photograph that the demonstration paints: CC0, by Stefan van der Walt (from scikit-image)."""
    return _FOLDER / "cat.webp"


def verify_builtins() -> tuple[str, ...]:
    """Return the names of embedded models whose bytes are not those that were shipped."""
    return tuple(name for name, entry in catalog().items() if not _is_intact(entry))


def _is_intact(entry: Builtin) -> bool:
    path = _FOLDER / entry.file
    return path.is_file() and file_digest(path) == entry.sha256
