"""Paintings from files and folders, each under the name that its style gets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ganplugin.errors import InputError, TrainingError
from ganplugin.train.data import Pixels, Report, find_pictures, load_scaled

__all__ = ["PaintingFile", "load_paintings", "named"]

_SPECIAL: Final = re.compile(r"[\s,=#:]+")
"""What has a meaning where weights of styles are written, as in ``wave=2,night=1``."""


@dataclass(frozen=True)
class PaintingFile:
    """A painting: its name, and uint8 [3, h, w]."""

    name: str
    pixels: Pixels


def named(place: Path) -> tuple[str, Path]:
    """Split ``NAME=FILE``; without a name, the file's own without its suffix serves."""
    name, equals, file = str(place).partition("=")
    told, path = (name, Path(file)) if equals and name and not place.exists() else (place.stem, place)
    return _SPECIAL.sub("-", told).strip("-") or "style", path


def load_paintings(places: Sequence[Path], *, longest: int, report: Report) -> list[PaintingFile]:
    """Return the paintings that are named, and every picture below the folders that are.

    Pictures are made smaller so that the longer side is at most ``longest``. One of a folder that cannot be read is
    reported and left out. Raises `TrainingError` if one that was named cannot, or if none remains, and `InputError` if
    two have one name.
    """
    found: list[PaintingFile] = []
    for place in places:
        name, path = named(place)
        found += (
            _of_folder(path, longest, report)
            if path.is_dir()
            else [PaintingFile(name, load_scaled(path, longest=longest))]
        )
    if not found:
        raise TrainingError("holds no painting that can be read", where=places[0], fix="repair them or name others")
    names = [painting.name for painting in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two paintings are called {twice[0]!r}", fix="rename a file, or name them apart: NAME=FILE")
    return found


def _of_folder(folder: Path, longest: int, report: Report) -> Iterator[PaintingFile]:
    for path in find_pictures([folder]):
        try:
            yield PaintingFile(named(path)[0], load_scaled(path, longest=longest))
        except TrainingError as error:
            report(f"skipped: {error}")
