"""The files that a series draws from: its graph, its rows and its folders of pictures."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ganplugin.errors import InputError
from ganplugin.files import os_errors
from ganplugin.images import list_pictures
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.graph_text import graph_text, parse_json
from ganplugin.nodes.workflows import is_workflow, prompt_of
from ganplugin.registry import did_you_mean
from ganplugin.series.file import SeriesFile
from ganplugin.series.traits import Pictures

__all__ = ["Sources"]

_MOST_BYTES: Final = 256 * 2**20


@dataclass(frozen=True, eq=False)
class Sources:
    """What a series file names, read when it is first asked for; relative names start at ``home``, its own folder."""

    series: SeriesFile
    home: Path
    _listed: dict[str, tuple[Path, ...]] = field(default_factory=dict, repr=False)

    @cached_property
    def graph(self) -> Graph:
        """The graph, checked whole. Raises `InputError` or `FileError`."""
        given = self.series.graph
        if not isinstance(given, str):
            return Graph.parse(given)
        path = self.home / given
        found: Mapping[str, Any] = parse_json(graph_text(path), path)
        return Graph.parse(prompt_of(found) if is_workflow(found) else found)

    @cached_property
    def rows(self) -> tuple[dict[str, str], ...]:
        """The rows of the CSV file by heading. Raises `FileError`, and `InputError` if it is none or has no rows."""
        if not self.series.rows:
            raise InputError("a trait takes a column, but no CSV file is named", where="rows", fix="add rows: FILE.csv")
        path = self.home / self.series.rows
        with os_errors(path), path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        return tuple(_csv_rows(data, path))

    def column(self, name: str) -> tuple[str, ...]:
        """Return the values of one column. Raises `InputError` if there is none of that heading."""
        if name not in self.rows[0]:
            raise InputError(f"has no column {name!r}", where=self.series.rows, fix=did_you_mean(name, self.rows[0]))
        return tuple(row[name] for row in self.rows)

    def pictures(self, trait: Pictures) -> tuple[Path, ...]:
        """Return the pictures of a folder or pattern, by name. Raises `FileError` if there are none."""
        if trait.pictures not in self._listed:
            self._listed[trait.pictures] = list_pictures(self.home / trait.pictures)
        return self._listed[trait.pictures]

    def facts(self) -> dict[str, Any]:
        """Return what the files say, so that a change of it is noticed: the graph, and digests of the others.

        Of pictures only the names count, which decide what piece gets which: one that is bad may be mended.
        """
        listed = {
            f"pictures of {name}": _digest("\n".join(path.name for path in self.pictures(trait)))
            for name, trait in self.series.traits.items()
            if isinstance(trait, Pictures)
        }
        rows = {"rows": _digest(repr(self.rows))} if self.series.rows else {}
        return {"graph": dict(self.graph.prompt), **listed, **rows}


def _csv_rows(data: bytes, path: Path) -> list[dict[str, str]]:
    if len(data) > _MOST_BYTES:
        raise InputError("is too large", where=path)
    try:
        table = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        heading, *rows = [row for row in table if row] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no CSV file ({error})", where=path, fix="save it as CSV, UTF-8") from error
    if not rows or len(set(heading)) < len(heading):
        what = "names a column twice" if rows else "has no rows"
        raise InputError(what, where=path, fix="the first line holds the headings")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(heading):
            raise InputError(f"row {number} has {len(row)} values, not {len(heading)}", where=path)
    return [dict(zip(heading, row, strict=True)) for row in rows]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
