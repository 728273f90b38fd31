from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganplugin.errors import FileError, InputError
from ganplugin.series.entries import Done, Failed
from ganplugin.series.file import SeriesFile, parse_series
from ganplugin.series.folder import SeriesFolder, is_series_folder
from tests.series.kit import series_text

FACTS = {"models": {"full.onnx": "ab" * 32}, "threads": 2}


def series(**fields) -> SeriesFile:
    return parse_series(series_text(**fields), "tides.yaml")


def begin(folder: SeriesFolder, found: SeriesFile, home: Path, **facts) -> None:
    folder.begin(folder.recorded(found, home, {**FACTS, **facts}))


def make(folder: SeriesFolder, *, failed: bool = False) -> None:
    """Let the journal say that a piece is made, or could not be."""
    entry = Failed(piece=0, digest="ab" * 32, error="no", kind="InputError") if failed else None
    with folder.journal() as journal:
        journal.add(entry or Done(piece=0, digest="ab" * 32, files=()))


@pytest.fixture
def folder(tmp_path) -> SeriesFolder:
    return SeriesFolder(tmp_path / "tides")


def test_a_folder_knows_what_was_begun_in_it(folder, tmp_path):
    found = series(keep={"of": 9}, outputs=[{"from": "make", "sizes": [4, 8]}], sheets=False)
    assert not folder.exists()
    begin(folder, found, tmp_path)
    assert folder.exists() and is_series_folder(folder.path)
    again, home = folder.series()
    assert again == found
    assert home.resolve() == tmp_path.resolve()
    assert folder.record().facts == FACTS


def test_folder_and_series_can_be_moved_together(folder, tmp_path, monkeypatch):
    begin(folder, series(), tmp_path)
    (tmp_path / "new").mkdir()
    folder.path.rename(tmp_path / "new" / "tides")
    monkeypatch.chdir(tmp_path)
    assert SeriesFolder(Path("new/tides")).series()[1] == Path("new")


def test_what_was_begun_can_be_gone_on_with(folder, tmp_path):
    begin(folder, series(), tmp_path)
    make(folder)
    record = folder.path / ".ganplugin" / "series.json"
    before = record.stat().st_mtime_ns
    begin(folder, series(seed=0), tmp_path)  # what it is anyway
    assert record.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("fields", "facts", "words"),
    [
        ({"seed": 1}, {}, "seed: nothing is now 1"),
        ({"seed": 1, "edition": 5}, {}, r"edition: 4 is now 5 \(and 1 more\)"),
        ({}, {"threads": 3}, "threads: 2 is now 3"),
        ({}, {"models": {}}, "models.full.onnx: "),
    ],
)
def test_something_else_is_refused_once_a_piece_is_made(folder, tmp_path, fields, facts, words):
    begin(folder, series(), tmp_path)
    make(folder, failed=True)
    begin(folder, series(title="Other", seed=5), tmp_path)  # nothing is made yet
    begin(folder, series(), tmp_path)
    make(folder)
    with pytest.raises(InputError, match=f"tides: was begun with something else: {words}.* --fork"):
        begin(folder, series(**fields), tmp_path, **facts)
    assert folder.series()[0] == series()


def test_a_title_may_change(folder, tmp_path):
    begin(folder, series(), tmp_path)
    make(folder)
    begin(folder, series(title="Ebbs"), tmp_path)
    assert folder.series()[0].title == "Ebbs"


def test_a_folder_with_other_things_is_refused(folder, tmp_path):
    folder.path.mkdir()
    (folder.path / "mine.txt").write_text("")
    with pytest.raises(FileError, match=r"holds other files already, such as 'mine.txt' - choose a new folder"):
        begin(folder, series(), tmp_path)
    assert [path.name for path in folder.path.iterdir()] == ["mine.txt"]


def test_what_a_killed_start_left_is_no_other_thing(folder, tmp_path):
    with folder.lock():
        pass
    begin(folder, series(), tmp_path)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", json.dumps({"home": ".", "series": {}}).encode()])
def test_a_damaged_record_is_an_error_in_words(folder, tmp_path, damage):
    begin(folder, series(), tmp_path)
    (folder.path / ".ganplugin" / "series.json").write_bytes(damage)
    with pytest.raises(FileError, match="is damaged, or another version wrote it"):
        folder.record()


def test_no_record_is_an_error_in_words(folder):
    with pytest.raises(FileError, match="holds no series - name a series' folder"):
        folder.record()
