"""What marketplaces and spreadsheets read of a series: a JSON file for each work, one for all, and a table."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from ganplugin.series.collection import Collection, TraitValue, Work
from ganplugin.series.derived import sweep, write_derived
from ganplugin.series.facets import facets_of, rarities
from ganplugin.video import FILM_SUFFIXES

__all__ = ["METADATA", "TABLE", "write_metadata", "write_traits_table"]

METADATA: Final = "metadata"
"""The folder of the JSON files, below that of the series."""

TABLE: Final = "traits.csv"

_WRITERS: Final = 8
_COLUMNS: Final = ("number", "name", "file", "sha256", "score")
_TYPES: Final = {
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
}
_FORMULA: Final = re.compile(r"^[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


def write_metadata(
    collection: Collection,
    folder: Path,
    *,
    base: str = "",
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Path:
    """Write ``folder``/metadata: NUMBER.json for each work and collection.json; return that folder.

    The schema is the one that OpenSea began and others read. ``base`` comes before the files' names, such as
    ``ipfs://CID`` or ``https://example.org/tides``; without it they are relative to the JSON files. ``report`` hears
    how many works of how many are done. Files of works that are gone are deleted.
    """
    place = folder / METADATA
    prefix = f"{base.rstrip('/')}/" if base else "../"
    rarity = rarities(facets_of(collection), len(collection.works))

    def write(work: Work, bits: float) -> str:
        record = {**_work_record(collection, work, prefix), "rarity": bits}
        return write_derived(place / f"{work.number}.json", _json(record)).name

    kept = set()
    # A write waits for the disk; several that wait at once are done in one go.
    with ThreadPoolExecutor(_WRITERS) as pool:
        for done, name in enumerate(pool.map(write, collection.works, rarity), 1):
            kept.add(name)
            report(done, len(collection.works))
    write_derived(place / "collection.json", _json(_collection_record(collection, prefix)))
    sweep(place, r"\d+\.json", kept)
    return place


def write_traits_table(collection: Collection, folder: Path) -> Path:
    """Write ``folder``/traits.csv, a row a work and a column a trait, and return its path.

    It is UTF-8 with commas. Text that a spreadsheet would run as a formula has a ``'`` before it.
    """
    names = list(dict.fromkeys(name for work in collection.works for name in work.traits))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    headings = [f"{name} (trait)" if name in _COLUMNS else name for name in names]
    table.writerow([_cell(heading) for heading in (*_COLUMNS, *headings)])
    for work in collection.works:
        own = (work.number, work.title, work.files[0], work.digest, work.score)
        table.writerow([_cell(value) for value in (*own, *(work.traits.get(name) for name in names))])
    return write_derived(folder / TABLE, text.getvalue())


def _work_record(collection: Collection, work: Work, prefix: str) -> dict[str, Any]:
    film = PurePosixPath(work.files[0]).suffix.lower() in FILM_SUFFIXES
    record = {
        "name": work.title,
        "description": collection.description,
        "image": prefix + quote(work.thumbnail if film else work.files[0]),
        "animation_url": prefix + quote(work.files[0]) if film else "",
        "external_url": collection.link,
        "edition": work.number,
        "attributes": [_attribute(name, value) for name, value in work.traits.items()],
        "license": collection.license,
        "sha256": work.digest,
        "files": [_file_record(path, prefix) for path in work.files],
        "score": work.score,
    }
    return {key: value for key, value in record.items() if value not in ("", None)}


def _collection_record(collection: Collection, prefix: str) -> dict[str, Any]:
    works = collection.works
    record = {
        "name": collection.title,
        "description": collection.description,
        "image": prefix + quote(works[0].thumbnail) if works else "",
        "external_link": collection.link,
        "author": collection.author,
        "license": collection.license,
        "size": len(works),
        "models": dict(collection.models),
        "traits": {facet.name: dict(zip(facet.groups, facet.counts, strict=True)) for facet in facets_of(collection)},
    }
    return {key: value for key, value in record.items() if value not in ("", {})}


def _attribute(name: str, value: TraitValue) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"trait_type": name, "value": "yes" if value else "no"}
    if isinstance(value, str):
        return {"trait_type": name, "value": value}
    return {"trait_type": name, "value": value, "display_type": "number"}


def _file_record(path: str, prefix: str) -> dict[str, str]:
    kind = _TYPES.get(PurePosixPath(path).suffix.lower())
    return {"uri": prefix + quote(path), **({"type": kind} if kind else {})}


def _json(record: object) -> str:
    return json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _cell(value: TraitValue | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.match(text) else text
