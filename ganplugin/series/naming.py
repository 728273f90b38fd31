"""What the files of pieces are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ganplugin.errors import InputError
from ganplugin.files import contained
from ganplugin.series.collection import TraitValue
from ganplugin.series.drawing import check_template, filled
from ganplugin.series.file import Output
from ganplugin.series.views import View

if TYPE_CHECKING:
    from pathlib import Path

    from ganplugin.series.plan import Plan

__all__ = ["PIECES", "THUMBNAILS", "FileName", "PieceFiles", "check_names"]

PIECES: Final = "pieces"
"""The folder of the pieces' files, below the series' own."""

THUMBNAILS: Final = "thumbs"
"""The folder of the small pictures that the gallery shows."""

_LONGEST_VALUE: Final = 60

_NUMBERED: Final = re.compile(r"([^{}]*)\{(index|number)(?::[0-9]+)?\}(?![{0-9])")
"""A name that begins with the piece's number, which nothing that follows can make longer."""


@dataclass(frozen=True)
class FileName:
    """The name of one file of a piece: which output it is of, its longer side (0 as rendered) and its format."""

    output: int
    size: int
    format: str
    stem: str

    @property
    def path(self) -> str:
        """The path below the series' folder, with ``/``."""
        return f"{PIECES}/{self.stem}.{self.format}"

    @property
    def sequence(self) -> str:
        """The path of each of many pictures, with ``%05d`` for its number."""
        return f"{PIECES}/{self.stem.replace('%', '-')}/%05d.{self.format}"


@dataclass(frozen=True)
class PieceFiles:
    """Names the files of any piece."""

    outputs: tuple[Output, ...]
    views: tuple[View, ...]

    def names(self, index: int, values: Mapping[str, TraitValue]) -> tuple[FileName, ...]:
        """Return the files of a piece whose traits have these values."""
        safe = {name: _safe(value) for name, value in values.items()}
        known = {**safe, "index": str(index), "number": str(index + 1)}
        return tuple(name for number in range(len(self.outputs)) for name in self._of_output(number, known))

    def _of_output(self, number: int, values: Mapping[str, TraitValue]) -> Iterator[FileName]:
        output = self.outputs[number]
        stem = filled(output.name, values)
        for size in output.sizes:
            suffix = f"-{size}" if size and len(output.sizes) > 1 else ""
            yield from (FileName(number, size, kind, stem + suffix) for kind in self.views[number].formats)


def thumbnail_path(index: int) -> str:
    """Return the path of the small picture of a piece, below the series' folder."""
    return f"{THUMBNAILS}/{index:05}.webp"


def check_names(outputs: Sequence[Output], views: Sequence[View], plan: Plan) -> None:
    """Raise `InputError` if a template is wrong or two files of the series would have one name."""
    names = ("index", "number", *plan.series.traits)
    for number, output in enumerate(outputs):
        check_template(output.name, names, where=f"outputs.{number}.name")
    _check_distinct(plan, range(1) if _are_distinct(outputs) else range(len(plan)))


def _are_distinct(outputs: Sequence[Output]) -> bool:
    """Tell whether names of two pieces differ for certain: all begin with the same text and then the same number."""
    starts = [_NUMBERED.match(output.name) for output in outputs]
    return None not in starts and len({start and start.groups() for start in starts}) == 1


def _check_distinct(plan: Plan, indices: Iterable[int]) -> None:
    from pathlib import Path

    taken: dict[str, int] = {}
    for index in indices:
        for name in plan.files.names(index, plan[index].named):
            check_path(Path(), name.path)
            first = taken.setdefault(name.path.casefold(), index)
            if (
                first != index
                or sum(name.path == other.path for other in plan.files.names(index, plan[index].named)) > 1
            ):
                raise InputError(
                    f"pieces {first} and {index} would both be {name.path}" if first != index else f"{name.path} twice",
                    where=f"outputs.{name.output}.name",
                    fix="add {index} to the name",
                )


def check_path(folder: Path, path: str) -> Path:
    """Return where a file goes. Raises `InputError` for a name that is not safe."""
    return contained(folder, path)


def _safe(value: TraitValue) -> str:
    """Return a value as a part of a file name."""
    kept = "".join(c if c.isalnum() or c in "-_. " else "-" for c in str(value))
    return kept.encode()[:_LONGEST_VALUE].decode(errors="ignore").strip(" .-") or "x"
