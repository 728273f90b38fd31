from __future__ import annotations

import multiprocessing
import multiprocessing.context
import os
import signal
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ganplugin.errors import Cancelled, FileError
from ganplugin.nodes import Context
from ganplugin.series.entries import Done, Failed
from ganplugin.series.processes import Processes
from ganplugin.series.storage import LocalStorage
from ganplugin.series.workshop import Job
from tests.series.kit import digests, plan_of, rendered, setup_of


@dataclass(frozen=True)
class Deadly(LocalStorage):
    """A folder in which the thumbnail of one piece kills whoever writes it, so many times; the others are written."""

    piece: int = 2
    times: int = 1

    def write(self, path: str, data: bytes) -> None:
        if path == f"thumbs/{self.piece:05}.webp":
            died = self.folder.with_name("died.txt")
            before = died.stat().st_size if died.exists() else 0
            if before < self.times:
                died.write_bytes(b"x" * (before + 1))
                os.kill(os.getpid(), signal.SIGKILL)
        super().write(path, data)


@dataclass(frozen=True)
class Full(LocalStorage):
    """A folder on a disk that is full from piece 5 on."""

    def write(self, path: str, data: bytes) -> None:
        if int(Path(path).stem) >= 5:
            raise FileError("no space left", where=path, fix="make room")
        super().write(path, data)


def run(plan, storage, *, workers=2, context=None):
    jobs = [Job("render", tuple(plan[index] for index in range(start, start + 3))) for start in range(0, len(plan), 3)]
    setup = replace(setup_of(plan, storage.folder), storage=storage)
    return list(Processes(workers).run(setup, jobs, context or Context()))


@pytest.fixture
def whole(home, tmp_path):
    return digests(rendered(plan_of(edition=12), tmp_path / "whole"))


def test_several_processes_make_what_one_makes(home, tmp_path, whole):
    entries = run(plan_of(edition=12), LocalStorage(tmp_path / "out"))
    assert Counter(entry.piece for entry in entries) == Counter(range(12))
    assert digests({entry.piece: entry for entry in entries}) == whole


@pytest.mark.skipif(os.name == "nt", reason="Windows kills in another way")
def test_the_pieces_of_a_process_that_dies_are_made_by_another(home, tmp_path, whole):
    entries = run(plan_of(edition=12), Deadly(tmp_path / "out"))
    assert Counter(entry.piece for entry in entries) == Counter(range(12))
    assert digests({entry.piece: entry for entry in entries}) == whole


@pytest.mark.skipif(os.name == "nt", reason="Windows kills in another way")
def test_a_piece_that_kills_two_processes_fails_alone(home, tmp_path):
    entries = run(plan_of(edition=12), Deadly(tmp_path / "out", times=9))
    (bad,) = [entry for entry in entries if isinstance(entry, Failed)]
    assert (bad.piece, bad.kind) == (2, "WorkerLost")
    assert bad.error == "the worker died over it twice (exit code -9)"
    assert sorted(entry.piece for entry in entries if isinstance(entry, Done)) == [0, 1, *range(3, 12)]


def test_what_stops_one_process_stops_all_and_is_told_as_it_was(home, tmp_path):
    with pytest.raises(FileError) as stopped:
        run(plan_of(edition=300), Full(tmp_path / "out"))
    assert (stopped.value.what, stopped.value.fix) == ("no space left", "make room")
    assert str(stopped.value.where).startswith(("pieces/", "thumbs/"))


def test_a_stop_ends_all_processes(home, tmp_path):
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        run(plan_of(edition=300), LocalStorage(tmp_path / "out"), context=Context(cancelled=stop))
    assert multiprocessing.active_children() == []


def test_devices_are_shared_out_in_turn(home, tmp_path):
    setup = setup_of(plan_of(), tmp_path)
    shared = Processes(3, ("cuda:0", "cuda:1"))
    assert [shared._setup(setup, number).device for number in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert Processes(3)._setup(setup, 2) == setup


def test_a_process_that_cannot_be_started_is_an_error_in_words(home, tmp_path, monkeypatch):
    def refuse(process):
        raise OSError(11, "no")

    monkeypatch.setattr(multiprocessing.context.SpawnProcess, "start", refuse)
    with pytest.raises(FileError, match="a worker: resource temporarily unavailable"):
        run(plan_of(edition=6), LocalStorage(tmp_path / "out"))
