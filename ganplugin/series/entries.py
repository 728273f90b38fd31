"""The lines of a journal: what became of each piece."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

__all__ = ["Done", "Entry", "Failed", "Judged", "WrittenFile", "parse_entry", "written_line"]

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class WrittenFile(_Line):
    """A file that is on disk, or a numbered sequence of them.

    Of a sequence, ``path`` holds ``%05d`` in place of a number from 0, ``frames`` is how many there are, ``sha256`` is
    that of their SHA-256s as text, one after another, and ``bytes`` is their sum.
    """

    path: str = Field(description="below the series' folder")
    sha256: Digest
    bytes: int = Field(ge=0)
    width: int = Field(default=0, ge=0)
    height: int = Field(default=0, ge=0)
    frames: int = Field(default=0, ge=0, description="0 for a single file")

    @property
    def paths(self) -> Iterator[str]:
        """The path of every file."""
        return (self.path % number for number in range(self.frames)) if self.frames else iter((self.path,))


class _Piece(_Line):
    piece: int = Field(ge=0)
    digest: Digest = Field(description="of the piece's traits and inputs")


class Done(_Piece):
    """A piece whose files are all written."""

    state: Literal["done"] = "done"
    files: tuple[WrittenFile, ...]
    thumbnail: WrittenFile | None = None
    models: dict[str, Digest] = Field(default_factory=dict, description="model name to SHA-256")
    inputs: dict[str, Digest] = Field(default_factory=dict, description="input file name to SHA-256")
    provider: str = ""
    threads: int = 0
    seconds: float = Field(default=0.0, ge=0, description="of rendering and encoding")


class Failed(_Piece):
    """A piece that could not be made, and why."""

    state: Literal["failed"] = "failed"
    error: str
    kind: str = Field(description="class of the error")


class Judged(_Piece):
    """A candidate that was looked at: its score, and its look as `ganplugin.series.looks` takes it, in hexadecimal."""

    state: Literal["judged"] = "judged"
    score: float
    look: str = Field(pattern="^(?:[0-9a-f]{2})*$")
    seconds: float = Field(default=0.0, ge=0)


Entry = Done | Failed | Judged

_LINES: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="state")])


def written_line(entry: Entry) -> bytes:
    """Return an entry as one line of JSON."""
    return (
        json.dumps(
            {"state": entry.state, **entry.model_dump(mode="json", exclude_defaults=True)}, separators=(",", ":")
        ).encode()
        + b"\n"
    )


def parse_entry(line: bytes) -> Entry | None:
    """Read one line; None if it is no entry."""
    try:
        return _LINES.validate_json(line)
    except ValidationError:
        return None
