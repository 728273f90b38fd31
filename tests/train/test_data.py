from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import TrainingError
from ganplugin.train.data import find_pictures, load_photos, load_rgb, load_scaled


def _quiet(message: str) -> None:
    pass


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
    assert len(load_photos((folder,), shortest=16, least=16, report=told.append)) == 19
    assert len(told) == 2
    assert "00.png" in told[0]


@pytest.mark.parametrize(("make", "says"), [(True, "holds no pictures"), (False, "does not exist")])
def test_a_place_without_pictures_is_an_error(tmp_path: Path, make: bool, says: str) -> None:
    place = tmp_path / "place"
    if make:
        place.mkdir()
    with pytest.raises(TrainingError, match=says):
        load_photos((place,), shortest=16, least=16, report=_quiet)


def test_photos_are_scaled_to_their_shorter_side(folder: Path) -> None:
    assert {photo.shape for photo in load_photos((folder,), shortest=20, least=20, report=_quiet)} == {(3, 20, 24)}
    assert {photo.shape for photo in load_photos((folder,), shortest=60, least=30, report=_quiet)} == {(3, 40, 48)}
    with pytest.raises(TrainingError, match="at least 50 px"):
        load_photos((folder,), shortest=60, least=50, report=_quiet)


def test_a_painting_is_never_enlarged(folder: Path) -> None:
    assert load_scaled(folder / "00.png", longest=24).shape == (3, 20, 24)
    assert load_scaled(folder / "00.png", longest=1000).shape == (3, 40, 48)
