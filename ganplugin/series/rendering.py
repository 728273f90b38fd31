"""A series rendered into its folder: begun, gone on with, curated, and never the same piece twice."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from ganplugin.errors import InputError, SeriesError
from ganplugin.files import sweep_temporary
from ganplugin.nodes.context import Context
from ganplugin.series.engine import Engine
from ganplugin.series.entries import Done, Entry, Failed, Judged
from ganplugin.series.folder import SeriesFolder
from ganplugin.series.joining import Joining
from ganplugin.series.looks import chosen
from ganplugin.series.plan import Piece, Plan
from ganplugin.series.workshop import Job, Setup, Task

__all__ = ["Request", "Summary", "render_series"]

_WINDOW: Final = 256
"""Pieces that are looked at together for some that differ in their seeds alone."""

_JOB: Final = 32
"""Most pieces of one job."""

_HOPELESS: Final = 20
"""So many pieces that all fail, from the first on, end a run."""


@dataclass(frozen=True)
class Request:
    """What of a series to render: pieces by index (None: all), and those that failed before once more."""

    pieces: Collection[int] | None = None
    retry_failed: bool = False


@dataclass
class Summary:
    """What a run did: how many pieces it made and how many were there, which failed, and which are kept."""

    made: int = 0
    there: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    wanted: int = 0
    judged: int = 0
    kept: Sequence[int] = ()
    seconds: float = 0.0


@dataclass
class _State:
    """What a journal says: the state of each piece in a byte, so that a million of them need no more than that."""

    states: bytearray
    failures: dict[int, str] = field(default_factory=dict)

    def note(self, entry: Entry) -> None:
        if entry.piece >= len(self.states):
            return
        self.failures.pop(entry.piece, None)
        known = self.states[entry.piece]
        if isinstance(entry, Failed):
            self.failures[entry.piece] = entry.error
            self.states[entry.piece] = min(known, _JUDGED)
        else:
            self.states[entry.piece] = max(known, _DONE if isinstance(entry, Done) else _JUDGED)


_JUDGED: Final = 1
_DONE: Final = 2


def render_series(
    plan: Plan, folder: SeriesFolder, setup: Setup, engine: Engine, request: Request, context: Context
) -> Summary:
    """Render what is missing of a series into its folder, which the caller holds the lock of and has begun.

    Raises what stops the whole series; everything made until then is in the journal.
    """
    start = time.monotonic()
    _sweep(folder)
    state = _State(bytearray(len(plan)))
    for entry in folder.entries():
        state.note(entry)
    setup = replace(setup, models=frozenset(folder.record().facts.get("models", {}).values()))
    run = _Run(plan, folder, setup, engine, request, context, state)
    run.render(run.selected())
    _sweep(folder)  # a worker may have been killed without us
    run.summary.seconds = time.monotonic() - start
    return run.summary


def _sweep(folder: SeriesFolder) -> None:
    """Delete what killed writers left: whoever holds the lock is the only one."""
    for place, _, _ in os.walk(folder.path):
        sweep_temporary(Path(place), older_than=0.0)


@dataclass
class _Run:
    plan: Plan
    folder: SeriesFolder
    setup: Setup
    engine: Engine
    request: Request
    context: Context
    state: _State
    summary: Summary = field(default_factory=Summary)

    def selected(self) -> Sequence[int]:
        """Return the pieces that are to be on disk in the end, judging candidates first where there are any."""
        kept = range(len(self.plan)) if self.plan.series.keep is None else self._curated()
        self.summary.kept = kept
        wanted = self.request.pieces
        return kept if wanted is None else [index for index in kept if index in wanted]

    def render(self, pieces: Sequence[int]) -> None:
        """Render those that are not there yet."""
        self.summary.wanted = len(pieces)
        self.summary.there = sum(self.state.states[index] == _DONE for index in pieces)
        missing = [index for index in pieces if self.state.states[index] != _DONE and not self._gave_up(index)]
        self._work("render", missing, "Rendering")
        # Where some are chosen, one that nobody could judge is missing too.
        counted = pieces if self.plan.series.keep is None else sorted(self.state.failures)
        self.summary.failed = {index: self.state.failures[index] for index in counted if index in self.state.failures}

    def _gave_up(self, index: int) -> bool:
        return index in self.state.failures and not self.request.retry_failed

    def _curated(self) -> list[int]:
        keep = self.plan.series.keep
        if keep is None:
            raise InputError("is not curated", where="keep")
        missing = [i for i in range(len(self.plan)) if not self.state.states[i] and not self._gave_up(i)]
        self._work("judge", missing, "Judging")
        indices, scores, looks = _judgements(self.folder)
        best = chosen(scores, looks, self.plan.kept, keep.apart)
        if len(best) < self.plan.kept:
            self.context.reporter.message(
                f"only {len(best)} of {len(indices)} candidates are {keep.apart} apart: {self.plan.kept} were asked for"
            )
        return sorted(indices[place] for place in best)

    def _work(self, task: Task, pieces: Sequence[int], label: str) -> None:
        if not pieces:
            return
        jobs, hopeless = _jobs(self.plan, task, pieces), True
        with self.folder.journal() as journal, self.context.reporter.task(label, len(pieces)) as done:
            entries = self.engine.run(self.setup, jobs, self.context)
            with contextlib.closing(entries):  # type: ignore[type-var]
                for number, entry in enumerate(entries, start=1):
                    journal.add(entry)
                    self._count(entry)
                    hopeless = hopeless and isinstance(entry, Failed)
                    if hopeless and number == _HOPELESS:
                        raise self._hopeless(entry)
                    done(number)

    def _count(self, entry: Entry) -> None:
        self.state.note(entry)
        self.summary.made += isinstance(entry, Done)
        self.summary.judged += isinstance(entry, Judged)

    def _hopeless(self, last: Entry) -> SeriesError:
        return SeriesError(
            f"the first {_HOPELESS} pieces all failed, the last with: {self.state.failures[last.piece]}",
            where=self.folder.path,
            fix="mend that, then add --retry-failed",
        )


def _jobs(plan: Plan, task: Task, indices: Iterable[int]) -> Iterator[Job]:
    """Yield the pieces in order, those of a stretch that can be rendered together as one job."""
    joining = Joining.of(plan.graph, plan.views)
    remaining = iter(indices)
    while window := list(itertools.islice(remaining, _WINDOW)):
        groups: dict[object, list[Piece]] = {}
        for index in window:
            piece = plan[index]
            groups.setdefault(joining.key(piece.changes) if joining.input else index, []).append(piece)
        for pieces in groups.values():
            for start in range(0, len(pieces), _JOB):
                yield Job(task, tuple(pieces[start : start + _JOB]))


def _judgements(folder: SeriesFolder) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return index, score and look of every candidate that was judged, by index."""
    found = {entry.piece: entry for entry in folder.entries() if isinstance(entry, Judged)}
    indices = sorted(found)
    scores = np.array([found[index].score for index in indices], np.float64)
    looks = [np.frombuffer(bytes.fromhex(found[index].look), np.uint8) for index in indices]
    return indices, scores, np.stack(looks) if looks else np.zeros((0, 1), np.uint8)
