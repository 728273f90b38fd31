"""The folder of a series: its plan as it was begun, its journal and its lock, beside the pieces."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from ganplugin.errors import FileError, InputError
from ganplugin.files import atomic_write, make_folder, os_errors
from ganplugin.series.changes import differences
from ganplugin.series.entries import Entry, Failed
from ganplugin.series.file import SeriesFile
from ganplugin.series.journal import Journal, read_journal
from ganplugin.series.lock import locked

__all__ = ["SeriesFolder", "SeriesRecord", "is_series_folder"]

_PRIVATE: Final = ".ganplugin"
_PAGES_ONLY: Final = ("title", "description", "author", "license", "link", "gallery", "sheets", "metadata")
"""Fields that no piece depends on: they may change while a series is rendered."""


class SeriesRecord(BaseModel):
    """What a folder was begun with. ``facts`` is all that decides the bytes of its pieces, beside the series itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    home: str
    """The folder of the series file, as seen from this one."""
    series: dict[str, Any]
    facts: dict[str, Any]

    @property
    def deciding(self) -> dict[str, Any]:
        """All that decides the bytes of the pieces."""
        kept = {name: value for name, value in self.series.items() if name not in _PAGES_ONLY and name != "graph"}
        # Sweeps change in the order in which they stand, and files name the traits in it.
        return {**kept, **self.facts, "order of traits": list(self.series.get("traits", ()))}


@dataclass(frozen=True)
class SeriesFolder:
    """A folder that holds a series, or will."""

    path: Path

    @property
    def _record_path(self) -> Path:
        return self.path / _PRIVATE / "series.json"

    @property
    def journal_path(self) -> Path:
        """Where the journal is."""
        return self.path / _PRIVATE / "journal.jsonl"

    def exists(self) -> bool:
        """Tell whether a series was begun here."""
        with os_errors(self.path):
            return self._record_path.is_file()

    def lock(self) -> Any:  # noqa: ANN401 - a context manager
        """Hold the folder for a block. Raises `FileError` if another process renders here."""
        return locked(self.path / _PRIVATE, self.path)

    def journal(self) -> Journal:
        """Return the journal, to add to."""
        return Journal(self.journal_path)

    def entries(self) -> Iterator[Entry]:
        """Yield what the journal says so far."""
        return read_journal(self.journal_path)

    def record(self) -> SeriesRecord:
        """Return what was begun here. Raises `FileError` if nothing was, or if another version wrote it."""
        if not self.exists():
            raise FileError(
                "holds no series", where=self.path, fix="name a series' folder; begin one with: ganplugin series new"
            )
        with os_errors(self._record_path):
            data = self._record_path.read_bytes()
        try:
            return SeriesRecord.model_validate_json(data)
        except ValidationError as error:
            raise FileError(
                "is damaged, or another version wrote it", where=self._record_path, fix="start a new folder"
            ) from error

    @property
    def store(self) -> str:
        """Where the files of the pieces are, if they are not here; else empty."""
        return str(self.record().facts.get("store", "")) if self.exists() else ""

    def series(self) -> tuple[SeriesFile, Path]:
        """Return the series that was begun here, and the folder in which the names in it are looked for."""
        record = self.record()
        return SeriesFile.model_validate(record.series), self._home(record.home)

    def _home(self, home: str) -> Path:
        path = Path(os.path.normpath(self.path / home))
        return Path(os.path.relpath(path)) if not Path(home).is_absolute() else path

    def recorded(self, series: SeriesFile, home: Path, facts: Mapping[str, Any]) -> SeriesRecord:
        """Return what there is to note here of a series, whose relative names start at ``home``."""
        return SeriesRecord(
            home=_seen_from(self.path, home), series=_plain(series), facts=json.loads(json.dumps(facts))
        )

    def check(self, record: SeriesRecord) -> None:
        """Make sure that this series can be begun here or gone on with; nothing is touched.

        What no piece depends on may differ from what was begun, and everything as long as no piece is made.
        Raises `FileError` if the folder holds other things, `InputError` naming what changed since.
        """
        if not self.exists():
            self._refuse_strangers()
        elif any(not isinstance(entry, Failed) for entry in self.entries()):
            self._compare(self.record(), record)

    def begin(self, record: SeriesRecord) -> None:
        """Note what is rendered here, while the folder is held. Raises as `check` does."""
        self.check(record)
        self._write(record)

    def _compare(self, old: SeriesRecord, new: SeriesRecord) -> None:
        changed = list(differences(old.deciding, new.deciding))
        if changed:
            more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
            raise InputError(
                f"was begun with something else: {changed[0]}{more}",
                where=self.path,
                fix="undo that, or add --fork to start a new folder beside it",
            )

    def _refuse_strangers(self) -> None:
        with os_errors(self.path):
            found = sorted(entry.name for entry in self.path.iterdir()) if self.path.exists() else []
        if strangers := [name for name in found if name != _PRIVATE]:
            raise FileError(
                f"holds other files already, such as {strangers[0]!r}",
                where=self.path,
                fix="choose a new folder with --out",
            )

    def _write(self, record: SeriesRecord) -> None:
        make_folder(self._record_path.parent)
        data = json.dumps(record.model_dump(mode="json"), indent=1).encode()
        with os_errors(self._record_path):
            if self._record_path.is_file() and self._record_path.read_bytes() == data:
                return
        with atomic_write(self._record_path, overwrite=True) as part:
            part.write_bytes(data)


def is_series_folder(path: Path) -> bool:
    """Tell whether a series was begun in this folder."""
    return SeriesFolder(path).exists()


def _plain(series: SeriesFile) -> dict[str, Any]:
    found: dict[str, Any] = series.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return found


def _seen_from(folder: Path, home: Path) -> str:
    """Return the way from a folder to another, so that both can be moved together."""
    try:
        return Path(os.path.relpath(home, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return str(home.absolute())
