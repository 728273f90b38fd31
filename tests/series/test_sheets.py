from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import FileError, InputError
from ganplugin.series.sheets import PAPERS, write_sheets
from tests.series.collections_made import COLOURS, tides, with_files, work


@pytest.fixture
def few(tmp_path):
    return with_files(tides(5), tmp_path)


def pages(document: bytes) -> int:
    return max(int(number) for number in re.findall(rb"/Count (\d+)", document))


def colours_of(path) -> set[tuple[int, ...]]:
    with Image.open(path) as image:
        return {tuple(colour) for _, colour in image.getcolors(1 << 24)}


def test_a_few_works_share_a_page_of_paper(few):
    picture, document = write_sheets(tides(5), few)
    assert (picture, document) == (few / "sheets" / "sheet-1.png", few / "sheets" / "sheets.pdf")
    with Image.open(picture) as image:
        assert image.size == (2480, 3508)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert set(COLOURS[:5]) <= colours_of(picture)
    assert pages(document.read_bytes()) == 1


@pytest.mark.parametrize("paper", PAPERS)
def test_every_paper_has_its_size(paper, few):
    (picture,) = write_sheets(tides(5), few, formats=("png",), paper=paper)
    with Image.open(picture) as image:
        assert image.size == tuple(round(side / 25.4 * 300) for side in PAPERS[paper])


def test_many_works_are_spread_over_pages_each_once(tmp_path):
    whole = tides(6)
    heard = []
    folder = with_files(whole, tmp_path)
    *pictures, document = write_sheets(
        whole, folder, columns=1, rows=2, report=lambda done, of: heard.append((done, of))
    )
    assert [path.name for path in pictures] == ["sheet-1.png", "sheet-2.png", "sheet-3.png"]
    for number, path in enumerate(pictures):
        shown = colours_of(path) & set(COLOURS)
        assert shown == set(COLOURS[2 * number : 2 * number + 2])
    assert pages(document.read_bytes()) == 3
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_the_document_says_what_it_is_and_not_when_it_was_made(few):
    (document,) = write_sheets(tides(5), few, formats=("pdf",), columns=2, rows=1)
    first = document.read_bytes()
    assert "Tides".encode("utf-16-be") in first or b"(Tides)" in first
    assert b"Date" not in first
    assert write_sheets(tides(5), few, formats=("pdf",), columns=2, rows=1)[0].read_bytes() == first


def test_pictures_come_out_as_the_same_bytes(few):
    (picture,) = write_sheets(tides(5), few, formats=("png",))
    first = picture.read_bytes()
    assert write_sheets(tides(5), few, formats=("png",))[0].read_bytes() == first


def test_sheets_of_an_earlier_run_are_gone_and_foreign_files_stay(few):
    write_sheets(tides(5), few, columns=1, rows=1)
    (few / "sheets" / "notes.txt").write_text("mine", encoding="utf-8")
    write_sheets(tides(5), few, formats=("png",))
    assert sorted(path.name for path in (few / "sheets").iterdir()) == ["notes.txt", "sheet-1.png"]


def test_a_film_is_shown_by_its_thumbnail_and_clear_pixels_are_paper(tmp_path):
    film = work(0, files=("pieces/0.mp4",))
    glass = work(1)
    (tmp_path / "pieces").mkdir()
    (tmp_path / "thumbs").mkdir()
    Image.new("RGB", (48, 48), COLOURS[0]).save(tmp_path / film.thumbnail, lossless=True)
    Image.new("RGBA", (48, 48), (9, 200, 9, 0)).save(tmp_path / glass.files[0])
    (picture,) = write_sheets(tides(works=(film, glass)), tmp_path, formats=("png",))
    shown = colours_of(picture)
    assert COLOURS[0] in shown
    assert not any(green > 150 and red < 60 for red, green, _ in shown)


def test_a_film_without_a_thumbnail_is_an_empty_field(tmp_path):
    film = work(0, files=("pieces/0.mp4",), thumbnail="pieces/0.mp4")
    (picture,) = write_sheets(tides(works=(film,)), tmp_path, formats=("png",))
    assert (232, 230, 226) in colours_of(picture)


def test_wide_pictures_keep_their_shape(tmp_path):
    wide = work(0, width=96, height=48)
    folder = with_files(tides(works=(wide,)), tmp_path)
    (picture,) = write_sheets(tides(works=(wide,)), folder, formats=("png",))
    with Image.open(picture) as image:
        inside = (np.asarray(image) == COLOURS[0]).all(axis=2)
    rows, columns = inside.any(axis=1).sum(), inside.any(axis=0).sum()
    assert columns / rows == pytest.approx(2, abs=0.01)
    assert columns > 900


@pytest.mark.parametrize(
    "wrong", [{"paper": "a9"}, {"formats": ()}, {"formats": ("tiff",)}, {"columns": -1}, {"columns": 90}, {"rows": 90}]
)
def test_what_cannot_be_printed_is_said(wrong, few):
    with pytest.raises(InputError):
        write_sheets(tides(5), few, **wrong)
    assert not (few / "sheets" / "sheets.pdf").exists()


def test_as_many_columns_as_a_series_may_ask_for_fit_on_paper(few):
    (picture,) = write_sheets(tides(5), few, formats=("png",), columns=40)
    assert set(COLOURS[:5]) <= colours_of(picture)


def test_no_works_make_no_sheets(tmp_path):
    with pytest.raises(InputError, match="at least one work"):
        write_sheets(tides(0), tmp_path)


def test_a_missing_picture_is_named_and_no_document_is_left(few):
    (few / "pieces" / "00004.png").unlink()
    with pytest.raises(FileError, match=r"00004\.png"):
        write_sheets(tides(5), few)
    assert list((few / "sheets").iterdir()) == []
