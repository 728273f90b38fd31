from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ganplugin.train.pictures.advice import advise
from ganplugin.train.pictures.packing import survey
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.report import Report, report_on
from ganplugin.train.pictures.sources import list_entries
from tests.train.pictures.conftest import photo


def report(place: Path, **policy: object) -> Report:
    wanted = Policy(**{"width": 16, "height": 16, **policy})
    return advise(report_on(survey(list_entries([place]), wanted), wanted, place.name))


def said(found: Report) -> str:
    return "\n".join(f"{advice.what} {advice.fix}" for advice in found.advice)


def test_counts_of_a_mixed_folder(classes: Path):
    photo(50, 300, 200).save(classes / "cats" / "wide.jpg")
    photo(51, 10, 40).convert("L").save(classes / "cats" / "tall.gif")
    found = report(classes)
    assert (found.pictures, found.smallest, found.median, found.largest) == (8, (10, 40), (24, 20), (300, 200))
    assert found.shorter_side == {"under 32": 7, "128-255": 1}
    assert found.shapes == {"wide": 7, "tall": 1}
    assert found.formats == {"PNG": 6, "GIF": 1, "JPEG": 1}
    assert (found.modes["RGB"], sum(found.modes.values())) == (7, 8)
    assert (found.grey, found.flat, found.transparent) == (1, 0, 0)
    assert found.classes == {"cats": 6, "dogs": 2}
    assert [file.name for file in found.broken] == ["dogs/11.png"]
    assert (found.enlarged, found.largest_enlargement) == (1, 1.6)
    assert (found.packed_pictures, found.channels, found.packed_bytes) == (8, 3, 8 * 3 * 256)
    assert Report.model_validate_json(found.model_dump_json()) == found


def test_copies_and_look_alikes_are_told_apart(tmp_path: Path):
    photo(1, 64, 64).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    photo(1, 64, 64).save(tmp_path / "c.jpg", quality=95)
    photo(2).save(tmp_path / "d.png")
    found = report(tmp_path)
    assert found.duplicates == (("a.png", "b.png"),)
    assert found.near_duplicates == (("a.png", "c.jpg"),)
    assert "1 file is a copy" in said(found)
    assert "1 picture looks nearly the same" in said(found)


def test_the_share_that_a_crop_cuts_off(tmp_path: Path):
    photo(1, 40, 20).save(tmp_path / "a.png")
    photo(2, 20, 20).save(tmp_path / "b.png")
    assert report(tmp_path).cut_off == 0.25
    assert report(tmp_path, width=32).cut_off == 0.25
    assert "cuts off 25%" in said(report(tmp_path))


def test_transparent_and_empty_and_flat(tmp_path: Path):
    Image.new("RGBA", (20, 20), (9, 9, 9, 0)).save(tmp_path / "empty.png")
    Image.new("RGBA", (20, 20), (200, 9, 9, 255)).save(tmp_path / "opaque.png")
    photo(1).convert("RGBA").save(tmp_path / "full.png")
    found = report(tmp_path)
    assert (found.transparent, found.mostly_clear, found.flat) == (1, 1, 2)
    assert "lie on white" in said(found)
    assert "--channels 4" in said(found)
    assert "one single colour" in said(found)
    assert "lie on white" not in said(report(tmp_path, channels=4))


@pytest.mark.parametrize(
    ("size", "count", "policy", "expected"),
    [
        ((16, 16), 5, {}, "too few to learn"),
        ((80, 80), 5, {}, "--policy patches"),
        ((16, 16), 5, {"width": 64, "height": 64}, "enlarged, up to 4.0 times"),
        ((16, 16), 5, {"channels": 4}, "Leave out --channels 4"),
        ((48, 16), 5, {"width": 32, "height": 32}, "enlarged, up to 2.0 times"),
        ((48, 16), 5, {}, "try --size 24x16"),
        ((80, 80), 5, {"way": "patches", "count": 500}, "--recipe quick, which"),
        ((80, 80), 5, {"way": "patches", "count": 500, "width": 64, "height": 64}, "--recipe fastgan or quick"),
    ],
)
def test_what_is_noticed(tmp_path: Path, size: tuple[int, int], count: int, policy: dict[str, object], expected: str):
    for seed in range(count):
        photo(seed, *size).save(tmp_path / f"{seed}.png")
    assert expected in said(report(tmp_path, **policy))


def test_what_is_padded_is_enlarged_only_where_both_sides_are_short(tmp_path: Path):
    """Bug: long pictures that padding shrinks were said to be enlarged."""
    photo(1, 48, 16).save(tmp_path / "a.png")
    assert report(tmp_path, width=32, height=32, way="pad").enlarged == 0
    assert report(tmp_path, width=64, height=64, way="pad").enlarged == 1


def test_grey_pictures_and_rare_classes(tmp_path: Path):
    for name, count in (("a", 19), ("b", 1)):
        (tmp_path / name).mkdir()
        for seed in range(count):
            photo(seed + 100 * count).convert("L").save(tmp_path / name / f"{seed}.png")
    assert "--channels 1" in said(report(tmp_path, channels=3))
    assert report(tmp_path).channels == 1
    assert "--classes" in said(report(tmp_path))
    assert "'b' has 1 picture," in said(report(tmp_path, classes=True))


def test_a_good_collection_needs_no_advice(classes: Path, tmp_path: Path):
    place = tmp_path / "good"
    place.mkdir()
    for seed in range(1000):
        photo(seed, 16, 16).save(place / f"{seed}.bmp")
    assert report(place).advice == ()
