from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import TrainingError
from ganplugin.train.data import find_pictures, load_photos, load_rgb, load_scaled, pack_crops, pack_squares


def _quiet(message: str) -> None:
    pass


def test_squares_of_every_mode(folder: Path) -> None:
    packed = pack_squares((folder,), 16, report=_quiet)
    assert packed.pixels.shape == (20, 3, 16, 16)
    assert packed.pixels.dtype == np.uint8
    assert packed.files == 20


def test_finds_below_folders_in_order_and_skips_hidden(folder: Path) -> None:
    (folder / "below").mkdir()
    Image.new("RGB", (20, 20)).save(folder / "below" / "deep.jpg")
    Image.new("RGB", (20, 20)).save(folder / ".hidden.png")
    names = [path.name for path in find_pictures((folder,))]
    assert names == [f"{index:02d}.png" for index in range(20)] + ["deep.jpg"]
    assert find_pictures((folder / "03.png",)) == [folder / "03.png"]


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert np.asarray(load_rgb(tmp_path / "clear.png")).min() == 255


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 65535], [32768, 257]], np.uint16)).save(tmp_path / "deep.png")
    assert np.asarray(load_rgb(tmp_path / "deep.png"))[:, :, 0].tolist() == [[0, 255], [128, 1]]


def test_broken_pictures_are_reported_and_left_out(folder: Path) -> None:
    (folder / "00.png").write_bytes((folder / "00.png").read_bytes()[:60])
    (folder / "note.png").write_text("no picture")
    told: list[str] = []
    packed = pack_squares((folder,), 16, report=told.append)
    assert len(packed.pixels) == 19
    assert packed.skipped == ("00.png", "note.png")
    assert len(told) == 2
    assert "00.png" in told[0]


@pytest.mark.parametrize(("make", "says"), [(True, "holds no pictures"), (False, "does not exist")])
def test_a_place_without_pictures_is_an_error(tmp_path: Path, make: bool, says: str) -> None:
    place = tmp_path / "place"
    if make:
        place.mkdir()
    with pytest.raises(TrainingError, match=says):
        pack_squares((place,), 16, report=_quiet)


def test_too_few_pictures_is_an_error_that_names_crops(folder: Path) -> None:
    for index in range(10):
        (folder / f"{index:02d}.png").unlink()
    with pytest.raises(TrainingError, match=r"10 readable pictures, at least 16.*--crops"):
        pack_squares((folder,), 16, report=_quiet)


def test_crops_are_many_seeded_and_inside(folder: Path) -> None:
    first = pack_crops((folder,), 16, count=50, seed=4, report=_quiet)
    again = pack_crops((folder,), 16, count=50, seed=4, report=_quiet)
    other = pack_crops((folder,), 16, count=50, seed=5, report=_quiet)
    assert first.pixels.shape == (50, 3, 16, 16)
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)


def test_crops_need_a_picture_that_is_large_enough(folder: Path) -> None:
    with pytest.raises(TrainingError, match="at least 64 px"):
        pack_crops((folder,), 64, count=16, seed=0, report=_quiet)


def test_photos_are_scaled_to_their_shorter_side(folder: Path) -> None:
    assert {photo.shape for photo in load_photos((folder,), shortest=20, least=20, report=_quiet)} == {(3, 20, 24)}
    assert {photo.shape for photo in load_photos((folder,), shortest=60, least=30, report=_quiet)} == {(3, 40, 48)}
    with pytest.raises(TrainingError, match="at least 50 px"):
        load_photos((folder,), shortest=60, least=50, report=_quiet)


def test_a_painting_is_never_enlarged(folder: Path) -> None:
    assert load_scaled(folder / "00.png", longest=24).shape == (3, 20, 24)
    assert load_scaled(folder / "00.png", longest=1000).shape == (3, 40, 48)
