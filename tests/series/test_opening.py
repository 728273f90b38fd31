from __future__ import annotations

from pathlib import Path

import pytest

from ganplugin.errors import FileError, InputError
from ganplugin.series.entries import Done
from ganplugin.series.opening import Opened, open_series, selected_pieces
from tests.series.kit import plan_of, series_text


@pytest.fixture
def tides(home) -> Path:
    (home / "tides.yaml").write_text(series_text(edition=20))
    return Path("tides.yaml")


def place(opened: Opened, *, fork: bool = False):
    return opened.placed(opened.setup(device="cpu"), fork=fork)


def begin(opened: Opened, *, fork: bool = False) -> Path:
    """Begin a series and let one piece of it be made."""
    placed = place(opened, fork=fork)
    placed.begin()
    with placed.folder.journal() as journal:
        journal.add(Done(piece=0, digest="ab" * 32, files=()))
    return placed.folder.path


def test_a_file_goes_into_a_folder_of_its_name_or_where_it_is_told(tides):
    assert open_series(tides, None).folder.path == Path("tides")
    assert open_series(tides, Path("night")).folder.path == Path("night")


def test_a_folder_is_gone_on_with_in_its_place(tides, home):
    begin(open_series(tides, Path("night")))
    tides.unlink()
    opened = open_series(Path("night"), None)
    assert (len(opened.plan), opened.folder.path, opened.home.resolve()) == (20, Path("night"), home)
    assert open_series(Path("night"), Path("night")).folder.path == Path("night")
    with pytest.raises(InputError, match="night: is rendered where it was begun - leave --out away"):
        open_series(Path("night"), Path("day"))


@pytest.mark.parametrize(("name", "words"), [("photos", "photos: holds no series"), ("no.yaml", "no such file")])
def test_what_is_no_series_is_refused(tides, name, words):
    with pytest.raises(FileError, match=words):
        open_series(Path(name), None)


def test_finding_a_place_touches_nothing(tides):
    place(open_series(tides, None))
    assert not Path("tides").exists()


def test_threads_are_those_that_were_asked_for_or_begun_with(tides):
    opened = open_series(tides, None)
    assert (opened.threads(None), opened.threads(5)) == (2, 5)
    placed = opened.placed(opened.setup(device="cpu", threads=3), fork=False)
    placed.begin()
    assert (opened.threads(None), opened.threads(5)) == (3, 5)


def test_a_fork_takes_the_first_folder_that_is_free_or_its_own(tides):
    assert begin(open_series(tides, None)) == Path("tides")
    Path("tides-2").mkdir()
    Path("tides-2/mine.txt").write_text("")
    tides.write_text(series_text(edition=21))
    with pytest.raises(InputError, match="edition: 20 is now 21"):
        place(open_series(tides, None))
    assert begin(open_series(tides, None), fork=True) == Path("tides-3")
    assert begin(open_series(tides, None), fork=True) == Path("tides-3")
    tides.write_text(series_text(edition=20))
    assert begin(open_series(tides, None), fork=True) == Path("tides")


def test_a_place_that_cannot_be_is_refused_with_a_fork_too(tides, monkeypatch):
    monkeypatch.setattr("ganplugin.series.opening._MOST_FORKS", 4)
    for name in ("tides", "tides-2", "tides-3"):
        Path(name).write_text("a file")
    with pytest.raises(FileError, match="was forked too often"):
        place(open_series(tides, None), fork=True)


@pytest.mark.parametrize(("text", "pieces"), [(None, None), ("3", {3}), ("0-2,7", {0, 1, 2, 7})])
def test_pieces_are_chosen_like_seeds(home, text, pieces):
    assert selected_pieces(text, plan_of(edition=8)) == pieces


@pytest.mark.parametrize(("text", "words"), [("8", "there is no piece 8 - 0 to 7"), ("x", "names no pieces")])
def test_pieces_that_are_none_are_refused(home, text, words):
    with pytest.raises(InputError, match=words):
        selected_pieces(text, plan_of(edition=8))
