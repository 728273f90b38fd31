"""From what a person names, a series file or a folder, to a series that can be rendered."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ganplugin.errors import FileError, InputError
from ganplugin.series.facts import facts_of
from ganplugin.series.file import SeriesFile, read_series
from ganplugin.series.folder import SeriesFolder, SeriesRecord
from ganplugin.series.naming import PIECES
from ganplugin.series.plan import Plan
from ganplugin.series.remote_storage import storage_at, store_of
from ganplugin.series.storage import Storage
from ganplugin.series.workshop import Setup

__all__ = ["Opened", "Placed", "open_series", "selected_pieces"]

_MOST_FORKS: Final = 1000


@dataclass(frozen=True)
class Placed:
    """A series, how it is rendered, and what its folder has to say of both: hold the folder, then begin there."""

    plan: Plan
    folder: SeriesFolder
    setup: Setup
    record: SeriesRecord

    def begin(self) -> None:
        """Note in the folder, which the caller holds, what is rendered there. Raises as `Opened.placed` does."""
        self.folder.begin(self.record)


@dataclass(frozen=True)
class Opened:
    """A checked series, where it goes, and how it is rendered."""

    plan: Plan
    folder: SeriesFolder
    home: Path
    """The folder in which the series' own names are looked for."""

    def setup(self, *, device: str = "auto", threads: int = 2, batch: int = 0, store: str = "") -> Setup:
        """Return what workshops need to know to render into the folder, or into the store that it was begun with."""
        plain = Setup.of(self.plan, storage_at(self.folder.path, store or self.folder.store))
        return replace(plain, device=device, threads=threads, batch=batch)

    def placed(self, setup: Setup, *, fork: bool) -> Placed:
        """Find where to render: the folder, if it is free or was begun with the same. Nothing is touched.

        If it was not and ``fork`` is set, that is the first folder beside it that is free or was.
        Raises `InputError` naming what changed, `FileError` if the folder holds other things, and what opening models
        does.
        """
        placed = self._placed(setup, fork=fork)
        if not placed.folder.exists():
            _refuse_strangers(placed.setup.storage)
        return placed

    def _placed(self, setup: Setup, *, fork: bool) -> Placed:
        facts = facts_of(self.plan, setup)
        try:
            return self._placed_in(self.folder, setup, facts)
        except (InputError, FileError):
            if not fork:
                raise
        for number in range(2, _MOST_FORKS):
            with contextlib.suppress(InputError, FileError):
                path = self.folder.path
                return self._placed_in(SeriesFolder(path.with_name(f"{path.name}-{number}")), setup, facts)
        raise FileError("was forked too often", where=self.folder.path, fix="choose a new folder with --out")

    def _placed_in(self, folder: SeriesFolder, setup: Setup, facts: Mapping[str, Any]) -> Placed:
        record = folder.recorded(self.plan.series, self.home, facts)
        folder.check(record)
        storage = storage_at(folder.path, store_of(setup.storage))
        return Placed(self.plan, folder, replace(setup, storage=storage), record)

    def threads(self, asked: int | None) -> int:
        """Return the thread count to render with: what was asked for, else what the series was begun with, else 2."""
        if asked is not None or not self.folder.exists():
            return asked or 2
        return int(self.folder.record().facts.get("threads", 2))


def open_series(target: Path, out: Path | None) -> Opened:
    """Read and check the series that ``target`` names; ``out`` is its folder, by default the file's name.

    Raises `FileError` if there is nothing, `InputError` for all that is wrong in it.
    """
    series, home, folder = _found(target, out)
    return Opened(Plan.of(series, home), folder, home)


def _refuse_strangers(storage: Storage) -> None:
    """Raise `FileError` if a series that begins would be mixed with another in one store."""
    store = store_of(storage)
    stranger = next(storage.names(PIECES), None) if store else None
    if stranger is not None:
        raise FileError(f"holds other files already, such as {stranger!r}", where=store, fix="name another --store")


def _found(target: Path, out: Path | None) -> tuple[SeriesFile, Path, SeriesFolder]:
    if not target.is_dir():
        return read_series(target), target.parent, SeriesFolder(out or Path(target.stem))
    folder = SeriesFolder(target)
    if out is not None and out != target:
        raise InputError("is rendered where it was begun", where=target, fix="leave --out away, or name a series file")
    if not folder.exists():
        raise FileError("holds no series", where=target, fix="name a series file; start one with: ganplugin series new")
    return *folder.series(), folder


def selected_pieces(text: str | None, plan: Plan) -> frozenset[int] | None:
    """Read ``0-9,42`` as the pieces that it names; None for all. Raises `InputError` for pieces that are not there."""
    from ganplugin.seeds import parse_seeds

    if text is None:
        return None
    try:
        pieces = frozenset(parse_seeds(text))
    except InputError as error:
        raise InputError("names no pieces", where=f"--pieces {text}", fix="write them like 0-9,42") from error
    if max(pieces) >= len(plan):
        raise InputError(f"there is no piece {max(pieces)}", where=f"--pieces {text}", fix=f"0 to {len(plan) - 1}")
    return pieces
