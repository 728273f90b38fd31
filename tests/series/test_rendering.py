from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from ganplugin.errors import FileError, SeriesError
from ganplugin.nodes import Context
from ganplugin.series.entries import Done, Entry, Failed, Judged
from ganplugin.series.folder import SeriesFolder
from ganplugin.series.plan import Piece
from ganplugin.series.rendering import Request, Summary, render_series
from ganplugin.series.workshop import Job, Setup, Task
from tests.series.kit import plan_of, setup_of


def made(task: Task, piece: Piece) -> Entry:
    if task == "render":
        return Done(piece=piece.index, digest=piece.digest, files=())
    look = np.full(432, piece.index % 256, np.uint8).tobytes().hex()
    return Judged(piece=piece.index, digest=piece.digest, score=float(piece.index), look=look)


def broken(task: Task, piece: Piece) -> Entry:
    return Failed(piece=piece.index, digest=piece.digest, error=f"no {piece.index}", kind="InputError")


@dataclass
class Recorder:
    """An engine that makes nothing but entries, and notes what it was given."""

    entry: Callable[[Task, Piece], Entry] = made
    jobs: list[Job] = field(default_factory=list)
    setups: list[Setup] = field(default_factory=list)

    def run(self, setup: Setup, jobs: Iterable[Job], context: Context) -> Iterator[Entry]:
        self.setups.append(setup)
        for job in jobs:
            self.jobs.append(job)
            for piece in job.pieces:
                yield self.entry(job.task, piece)

    def asked(self, task: Task = "render") -> list[int]:
        return [piece.index for job in self.jobs if job.task == task for piece in job.pieces]


@pytest.fixture
def folder(home, tmp_path) -> SeriesFolder:
    return SeriesFolder(tmp_path / "out")


def render(folder: SeriesFolder, engine: Recorder, request: Request | None = None, **fields) -> Summary:
    plan = plan_of(**fields)
    if not folder.exists():
        facts = {"models": {"full.onnx": "ab" * 32}}
        folder.begin(folder.recorded(plan.series, Path(), facts))
    return render_series(plan, folder, setup_of(plan, folder.path), engine, request or Request(), Context())


def test_every_piece_is_made_once_and_noted(folder):
    engine = Recorder()
    summary = render(folder, engine, edition=100)
    assert engine.asked() == list(range(100))
    assert (summary.made, summary.there, summary.wanted, summary.failed) == (100, 0, 100, {})
    assert [entry.piece for entry in folder.entries()] == list(range(100))
    assert max(len(job.pieces) for job in engine.jobs) == 32
    again = Recorder()
    summary = render(folder, again, edition=100)
    assert (again.jobs, again.setups) == ([], [])
    assert (summary.made, summary.there) == (0, 100)


def test_only_the_pieces_that_were_asked_for_are_made(folder):
    engine = Recorder()
    summary = render(folder, engine, Request(frozenset({3, 1})))
    assert (engine.asked(), summary.wanted) == ([1, 3], 2)


def test_the_models_of_the_series_go_with_the_work(folder):
    engine = Recorder()
    render(folder, engine)
    assert engine.setups[0].models == {"ab" * 32}


def test_failures_are_told_again_and_tried_again_only_when_asked(folder):
    some = Recorder(lambda task, piece: (broken if piece.index == 2 else made)(task, piece))
    assert render(folder, some).failed == {2: "no 2"}
    idle = Recorder()
    assert render(folder, idle).failed == {2: "no 2"}
    assert idle.jobs == []
    mended = Recorder()
    summary = render(folder, mended, Request(retry_failed=True))
    assert (mended.asked(), summary.made, summary.there, summary.failed) == ([2], 1, 3, {})
    assert render(folder, Recorder()).failed == {}


def test_twenty_failures_from_the_first_piece_on_end_a_run(folder):
    with pytest.raises(SeriesError, match="the first 20 pieces all failed, the last with: no 19 - mend that"):
        render(folder, Recorder(broken), edition=100)
    assert [entry.piece for entry in folder.entries()] == list(range(20))


def test_failures_after_a_piece_that_was_made_end_nothing(folder):
    engine = Recorder(lambda task, piece: (broken if piece.index else made)(task, piece))
    assert len(render(folder, engine, edition=60).failed) == 59


def test_failures_of_an_earlier_run_are_not_counted(folder):
    first = Recorder(lambda task, piece: broken(task, piece))
    render(folder, first, Request(frozenset(range(19))), edition=60)
    # Of this one's first twenty only the last fails.
    second = Recorder(lambda task, piece: (broken if piece.index == 38 else made)(task, piece))
    summary = render(folder, second, edition=60)
    assert (summary.made, len(summary.failed)) == (40, 20)


def test_what_was_made_before_the_engine_fails_is_kept(folder):
    def stop(task, piece):
        if piece.index == 3:
            raise FileError("the disk is gone")
        return made(task, piece)

    with pytest.raises(FileError, match="the disk is gone"):
        render(folder, Recorder(stop))
    assert [entry.piece for entry in folder.entries()] == [0, 1, 2]


def test_temporary_files_are_swept_before_and_after(folder):
    def killed(task, piece):
        left = folder.path / "pieces" / f".{piece.index}.png.0123456789ab.part"
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"")
        return made(task, piece)

    begun = folder.path / ".ganplugin" / ".series.json.0123456789ab.part"
    begun.parent.mkdir(parents=True)
    begun.write_bytes(b"")
    mine = folder.path / ".ganplugin" / "mine.part"
    mine.write_bytes(b"")
    render(folder, Recorder(killed))
    assert sorted(path.name for path in folder.path.rglob("*.part")) == ["mine.part"]


KEEP = {"edition": 3, "keep": {"of": 10}}


def test_the_best_are_made_after_all_are_judged(folder):
    engine = Recorder()
    summary = render(folder, engine, **KEEP)
    assert engine.asked("judge") == list(range(10))
    assert engine.asked("render") == [7, 8, 9]
    assert (summary.kept, summary.judged, summary.made) == ([7, 8, 9], 10, 3)
    again = Recorder()
    assert render(folder, again, **KEEP).kept == [7, 8, 9]
    assert again.jobs == []


def test_a_candidate_that_cannot_be_judged_is_told(folder):
    """It was left out without a word, and the exit code was 0."""

    def some(task, piece):
        return (broken if (task, piece.index) == ("judge", 9) else made)(task, piece)

    summary = render(folder, Recorder(some), **KEEP)
    assert (summary.kept, summary.failed) == ([6, 7, 8], {9: "no 9"})
    mended = Recorder()
    assert render(folder, mended, Request(retry_failed=True), **KEEP).kept == [7, 8, 9]
    assert (mended.asked("judge"), mended.asked("render")) == ([9], [9])


def test_one_that_was_judged_but_could_not_be_made_is_not_judged_again(folder):
    def some(task, piece):
        return (broken if (task, piece.index) == ("render", 8) else made)(task, piece)

    assert render(folder, Recorder(some), **KEEP).failed == {8: "no 8"}
    mended = Recorder()
    assert render(folder, mended, Request(retry_failed=True), **KEEP).failed == {}
    assert (mended.asked("judge"), mended.asked("render")) == ([], [8])


def test_lines_of_pieces_that_are_none_are_ignored(folder):
    render(folder, Recorder(), edition=4)
    with folder.journal() as journal:
        journal.add(Done(piece=99, digest="ab" * 32, files=()))
    assert render(folder, Recorder(), edition=4).there == 4
