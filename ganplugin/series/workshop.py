"""Where pieces are made: the network on one thread, conversion and encoding on others, and little waiting between."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from ganplugin.errors import Cancelled, DependencyError, GanPluginError, InputError, ProviderError, SeriesError
from ganplugin.nodes.context import Context, Folders
from ganplugin.nodes.graph import Evaluation, Graph
from ganplugin.nodes.values import Images
from ganplugin.series.bench import Bench
from ganplugin.series.entries import Entry, Judged
from ganplugin.series.file import SeriesFile
from ganplugin.series.joining import Joining
from ganplugin.series.judging import Judge
from ganplugin.series.plan import Piece, Plan
from ganplugin.series.storage import Storage
from ganplugin.series.tuning import BatchTuner
from ganplugin.series.unfinished import Unfinished, failed
from ganplugin.series.views import View

__all__ = ["Job", "Setup", "Task", "Workshop"]

Task = Literal["render", "judge"]

_MOST_TOGETHER: Final = 32
"""Pieces computed as one batch: on a processor more is no faster."""

_FATAL: Final = (Cancelled, ProviderError, DependencyError, SeriesError)
"""What no other piece would fare better with."""


@dataclass(frozen=True)
class Job:
    """Pieces to be written, or only to be judged; neighbours that can be (see `Joining`) are rendered together."""

    task: Task
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Setup:
    """All that a workshop needs to know; it can be sent to another process."""

    series: SeriesFile
    graph: Graph
    views: tuple[View, ...]
    judged: View
    """What candidates are judged by."""
    home: Path
    storage: Storage
    device: str = "auto"
    threads: int = 2
    batch: int = 0
    encoders: int = 0
    """Threads that encode; 0 takes one a core: they work while the network waits for a GPU, and it for them."""
    provider: str = ""
    """What computes, where other machines do; empty to find out here."""
    models: frozenset[str] = frozenset()
    """The SHA-256 of every model that the series was begun with; none allows any."""

    @classmethod
    def of(cls, plan: Plan, storage: Storage) -> Setup:
        """Return what workshops need to know of a plan, with the usual options."""
        return cls(plan.series, plan.graph, plan.views, plan.judged, plan.sources.home, storage)

    def context(self, context: Context) -> Context:
        """Return a context with the folders in which the series' own names are looked for."""
        folders = Folders(models=(self.home, self.home / "models"), inputs=(self.home, self.home / "input"))
        return Context(self.device, self.threads, self.batch, cancelled=context.cancelled, folders=folders)

    @property
    def encoder_threads(self) -> int:
        """How many threads encode."""
        return self.encoders or os.cpu_count() or 1


@dataclass(frozen=True)
class _Together:
    """The pictures of several pieces: one sequence a view, and the part of it that is each piece's."""

    pieces: Sequence[Piece]
    views: tuple[Images, ...]
    parts: tuple[slice, ...]

    def own(self, number: int) -> tuple[range, ...]:
        """Return which pictures of each view are those of piece ``number``."""
        return tuple(range(len(images))[self.parts[number]] for images in self.views)


class Workshop:
    """Makes pieces of one series, each model opened once; memory is bounded whatever the number of pieces."""

    def __init__(self, setup: Setup, context: Context) -> None:
        self._setup = setup
        self._context = setup.context(context)
        self._views: dict[Task, tuple[View, ...]] = {"render": setup.views, "judge": (setup.judged,)}
        self._joinings = {task: Joining.of(setup.graph, views) for task, views in self._views.items()}
        self._tuner = BatchTuner(setup.batch or _MOST_TOGETHER)

    @cached_property
    def _judge(self) -> Judge:
        keep = self._setup.series.keep
        return Judge.of("" if keep is None else keep.by, self._context)

    def run(self, jobs: Iterable[Job | None]) -> Iterator[Entry]:
        """Yield what became of each piece, once its files are on disk. Raises what stops the whole series.

        None among the jobs says that there is nothing to do for the moment.
        """
        waiting: deque[Unfinished] = deque()
        with Bench(self._setup.series, self._setup.views, self._setup.storage, self._setup.encoder_threads) as bench:
            for job in jobs:
                if job is None:
                    yield from _ended(waiting)
                    continue
                for made in self._made(job, bench):
                    if isinstance(made, Unfinished):
                        waiting.append(made)
                    else:
                        # What began before it ends before it: a run of failures is one only without what succeeded.
                        yield from _ended(waiting)
                        yield made
                    # All of them, not the first alone: a slow one must not keep others out of the journal.
                    ready = [work for work in waiting if work.is_done()]
                    for work in ready:
                        waiting.remove(work)
                        yield work.entry()
            yield from _ended(waiting)

    def _made(self, job: Job, bench: Bench) -> Iterator[Unfinished | Entry]:
        joining = self._joinings[job.task]
        for key, alike in itertools.groupby(job.pieces, lambda piece: joining.key(piece.changes)):
            pieces = list(alike)
            while pieces:
                self._context.check()
                size = 1 if joining.input is None else self._setup.batch or self._tuner.size((job.task, key))
                start = time.monotonic()
                yield from self._batch(job.task, pieces[:size], bench)
                self._tuner.note((job.task, key), min(size, len(pieces)), time.monotonic() - start)
                pieces = pieces[size:]

    def _batch(self, task: Task, pieces: Sequence[Piece], bench: Bench) -> list[Unfinished | Entry]:
        """Make pieces together; if that fails, one by one, so that only those fail which cannot be made."""
        try:
            if task == "judge":
                return list(self._judged(pieces))
            return list(self._rendered(pieces, bench))
        except _FATAL:
            raise
        except GanPluginError as error:
            if len(pieces) == 1:
                return [failed(pieces[0], error)]
        return [made for piece in pieces for made in self._batch(task, [piece], bench)]

    def _rendered(self, pieces: Sequence[Piece], bench: Bench) -> Iterator[Unfinished]:
        start = time.monotonic()
        together = self._together("render", pieces)
        works = [Unfinished(piece) for piece in pieces]
        for number, view in enumerate(self._setup.views):
            if view.write == "film":
                for work in works:
                    bench.film(work, number, together.views[number], self._context)
            else:
                parts = [together.own(piece)[number] for piece in range(len(pieces))]
                _hand_over(together.views[number], number, zip(works, parts, strict=True), bench)
        for work in works:
            work.seconds += (time.monotonic() - start) / len(works)
        return iter(works)

    def _judged(self, pieces: Sequence[Piece]) -> Iterator[Judged]:
        start = time.monotonic()
        together = self._together("judge", pieces)
        first = [together.own(number)[0].start for number in range(len(pieces))]
        pictures = list(together.views[0].levels_at(first))
        opinions = self._judge.opinions(pictures)
        each = (time.monotonic() - start) / len(pieces)
        for piece, (score, look) in zip(pieces, opinions, strict=True):
            yield Judged(piece=piece.index, digest=piece.digest, score=score, look=look.hex(), seconds=each)

    def _together(self, task: Task, pieces: Sequence[Piece]) -> _Together:
        joined = self._joinings[task].join([piece.changes for piece in pieces])
        rows = self._setup.batch or (len(pieces) if len(pieces) > 1 else 0)
        evaluation = Evaluation(joined.graph, replace(self._context, batch=rows))
        views = tuple(_pictures(evaluation.value(view.link), view) for view in self._views[task])
        self._check_models(views)
        return _Together(pieces, views, joined.parts)

    def _check_models(self, views: Iterable[Images]) -> None:
        """Raise `SeriesError` if a model file is not the one that the series was begun with."""
        for name, digest in (item for images in views for item in images.origin(0).models.items()):
            if self._setup.models and digest not in self._setup.models:
                raise SeriesError(
                    "changed while the series was rendered",
                    where=name,
                    fix="put the old file back, or start a new folder with --fork",
                )


def _ended(waiting: deque[Unfinished]) -> Iterator[Entry]:
    """Wait for all pieces whose files are being written, and yield what became of them."""
    while waiting:
        yield waiting.popleft().entry()


def _hand_over(images: Images, view: int, parts: Iterable[tuple[Unfinished, range]], bench: Bench) -> None:
    """Render the pictures of one view, each handed to the bench as soon as it is there."""
    pictures = images.levels_at(range(len(images)))
    for work, own in parts:
        for index in own:
            frame = index - own.start if len(own) > 1 else None
            bench.picture(work, view, next(pictures), images.origin(index), frame)


def _pictures(value: object, view: View) -> Images:
    if not isinstance(value, Images) or len(value) == 0:
        raise InputError("gives no pictures", where=f"node {view.link.node}")
    return value
