from __future__ import annotations

import csv
import json

import pytest

from ganplugin.errors import FileError
from ganplugin.series.metadata import write_metadata, write_traits_table
from tests.series.collections_made import DIGEST, tides, work


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_each_work_has_its_file_in_the_schema_of_collections(tmp_path):
    place = write_metadata(tides(), tmp_path)
    assert sorted(path.name for path in place.iterdir()) == sorted(
        [*(f"{n}.json" for n in range(12)), "collection.json"]
    )
    record = read(place / "3.json")
    assert record["name"] == "Tide 3"
    assert record["image"] == "../pieces/00003.png"
    assert (place / record["image"]).resolve() == (tmp_path / "pieces" / "00003.png").resolve()
    assert record["edition"] == 3
    assert record["external_url"] == "https://example.org/tides"
    assert record["attributes"] == [
        {"trait_type": "Palette", "value": "Dusk"},
        {"trait_type": "Weather", "value": "Haze"},
        {"trait_type": "Height", "value": 0.1, "display_type": "number"},
    ]
    assert record["sha256"] == DIGEST
    assert "animation_url" not in record


def test_a_film_is_an_animation_with_its_thumbnail_as_picture(tmp_path):
    place = write_metadata(tides(works=(work(0, files=("pieces/0.mp4", "pieces/0.webm")),)), tmp_path)
    record = read(place / "0.json")
    assert (record["image"], record["animation_url"]) == ("../thumbs/00000.webp", "../pieces/0.mp4")
    assert [entry["type"] for entry in record["files"]] == ["video/mp4", "video/webm"]


@pytest.mark.parametrize("base", ["ipfs://CID", "ipfs://CID/"])
def test_addresses_may_have_a_base_and_are_encoded(base, tmp_path):
    place = write_metadata(tides(works=(work(0, files=("pieces/50 % #1?.png",)),)), tmp_path, base=base)
    assert read(place / "0.json")["image"] == "ipfs://CID/pieces/50%20%25%20%231%3F.png"


def test_the_collection_has_a_file_of_its_own(tmp_path):
    record = read(write_metadata(tides(), tmp_path) / "collection.json")
    assert (record["name"], record["size"], record["author"]) == ("Tides", 12, "Mara Okafor")
    assert record["traits"]["Weather"] == {"Clear": 6, "Haze": 4, "Storm": 2}


def test_true_and_false_are_words(tmp_path):
    place = write_metadata(tides(works=(work(0, traits={"signed": True}),)), tmp_path)
    assert read(place / "0.json")["attributes"] == [{"trait_type": "signed", "value": "yes"}]


def test_works_that_are_gone_leave_no_file_and_foreign_files_stay(tmp_path):
    place = write_metadata(tides(), tmp_path)
    (place / "notes.json").write_text("mine", encoding="utf-8")
    write_metadata(tides(2), tmp_path)
    assert sorted(path.name for path in place.iterdir()) == ["0.json", "1.json", "collection.json", "notes.json"]


def test_the_same_collection_gives_the_same_bytes(tmp_path):
    first, second = (write_metadata(tides(), tmp_path / name) for name in "ab")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
    tables = [write_traits_table(tides(), tmp_path / name).read_bytes() for name in "ab"]
    assert tables[0] == tables[1]


def test_progress_counts_works(tmp_path):
    heard = []
    write_metadata(tides(3), tmp_path, report=lambda done, of: heard.append((done, of)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "metadata").write_text("in the way", encoding="utf-8")
    with pytest.raises(FileError, match="metadata"):
        write_metadata(tides(), tmp_path)


def table(collection, folder):
    with write_traits_table(collection, folder).open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_the_table_has_a_row_a_work_and_a_column_a_trait(tmp_path):
    rows = table(tides(), tmp_path)
    assert rows[0] == ["number", "name", "file", "sha256", "score", "Palette", "Weather", "Height"]
    assert rows[4] == ["3", "Tide 3", "pieces/00003.png", DIGEST, "0.1", "Dusk", "Haze", "0.1"]
    assert len(rows) == 13


def test_a_trait_that_a_work_lacks_is_an_empty_cell_and_names_stay_apart(tmp_path):
    rows = table(tides(works=(work(0, traits={"score": 5}), work(1, traits={}))), tmp_path)
    assert rows[0][-2:] == ["score", "score (trait)"]
    assert [row[-1] for row in rows[1:]] == ["5", ""]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "=", "-1e5x"])
def test_a_spreadsheet_runs_nothing(text, tmp_path):
    rows = table(tides(works=(work(0, title=text, traits={text: text}),)), tmp_path)
    assert rows[0][-1] == rows[1][-1] == rows[1][1] == f"'{text}"


@pytest.mark.parametrize("value", [-5, -0.25, 1e-7, "-5", "+1.5", "-.5e3", "a=b", "x", 'say "hi", twice\nor not'])
def test_numbers_and_plain_words_stay_as_they_are(value, tmp_path):
    assert table(tides(works=(work(0, traits={"t": value}),)), tmp_path)[1][-1] == str(value)
