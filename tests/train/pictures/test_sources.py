from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import FileError, ImageError
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import pack
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sources import list_entries
from tests.train.pictures.conftest import encoded, photo

CATS_AND_DOGS = [
    ("cats/00.png", "cats"),
    ("cats/01.png", "cats"),
    ("cats/02.png", "cats"),
    ("cats/03.png", "cats"),
    ("dogs/10.png", "dogs"),
    ("dogs/11.png", "dogs"),
    ("dogs/12.png", "dogs"),
]


def listed(*places: Path) -> list[tuple[str, str]]:
    return [(entry.name, entry.group) for entry in list_entries(places)]


def zipped(folder: Path, path: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*"):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    return path


def test_a_folder_is_searched_below_and_its_folders_are_groups(classes: Path):
    assert listed(classes) == CATS_AND_DOGS
    assert listed(classes / "cats") == [(f"0{number}.png", "") for number in range(4)]


def test_a_zip_gives_what_its_folder_gives(classes: Path, tmp_path: Path):
    assert listed(zipped(classes, tmp_path / "a.zip")) == CATS_AND_DOGS
    entry = list_entries([tmp_path / "a.zip"])[0]
    assert entry.fetch() == (classes / "cats" / "00.png").read_bytes()


def test_folders_that_all_pictures_share_are_no_groups(classes: Path, tmp_path: Path):
    names = listed(zipped(classes, tmp_path / "a.zip", "set/train/"))
    assert names == [(f"set/train/{name}", group) for name, group in CATS_AND_DOGS]


def test_patterns_and_single_files(classes: Path, tmp_path: Path):
    assert listed(classes / "*" / "0*.png") == [(f"cats/0{number}.png", "") for number in range(4)]
    assert listed(classes / "*" / "?[02].png") == [CATS_AND_DOGS[index] for index in (0, 2, 4, 6)]
    assert listed(classes / "cats" / "00.png", classes / "dogs" / "10.png") == [("00.png", ""), ("10.png", "")]
    zipped(classes, tmp_path / "a.zip")
    assert len(listed(tmp_path / "*.zip")) == 7


def test_a_packed_set_is_a_place_too(classes: Path, tmp_path: Path):
    pack(list_entries([classes]), Policy(width=8, height=8, classes=True), tmp_path / "x.pack")
    entries = list_entries([tmp_path / "x.pack"])
    assert [(entry.name, entry.group) for entry in entries] == [row for row in CATS_AND_DOGS if "11" not in row[0]]
    levels = entries[2].decode(entries[2].fetch(), None)
    pixels = PackedSet.open(tmp_path / "x.pack").pixels[2]
    assert np.array_equal(np.asarray(levels.image).transpose(2, 0, 1), pixels)


def test_nothing_of_a_zip_is_written_and_wrong_names_do_not_matter(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        for name in ("../../out.png", "/root.png", "__MACOSX/._a.png", "a/.hidden/b.png"):
            archive.writestr(name, encoded(photo(1)))
    before = sorted(tmp_path.rglob("*"))
    entries = list_entries([tmp_path / "evil.zip"])
    assert [entry.name for entry in entries] == ["out.png", "root.png"]
    assert all(entry.fetch() for entry in entries)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_in_a_zip_is_not_unpacked(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(4 << 20))
    (entry,) = list_entries([tmp_path / "bomb.zip"])
    with pytest.raises(ImageError, match="unpacks to 4,194,304 bytes"):
        entry.fetch()


def test_a_damaged_member_and_a_damaged_zip_are_named(classes: Path, tmp_path: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", encoded(photo(1)))
    data = bytearray(path.read_bytes())
    data[60] ^= 255
    path.write_bytes(data)
    with pytest.raises(ImageError, match="unpacked"):
        list_entries([path])[0].fetch()


def test_a_pipe_called_png_is_refused_without_waiting(tmp_path: Path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(tmp_path / "pipe.png")
    (entry,) = list_entries([tmp_path])
    with pytest.raises(ImageError, match="is no file"):
        entry.fetch()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not Unicode")
def test_folders_whose_names_are_no_unicode_are_groups_that_any_file_can_hold(tmp_path: Path):
    """Bug: they trained, and then neither packing nor export could write their names."""
    for name in (b"a\xff", b"a\xfe"):
        folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        folder.mkdir()
        Image.new("RGB", (8, 8)).save(folder / "x.png")
    groups = [entry.group for entry in list_entries([tmp_path])]
    assert len(set(groups)) == 2
    assert all(group.encode("utf-8") for group in groups)


def test_links_in_a_circle_end(classes: Path):
    (classes / "cats" / "round").symlink_to(classes)
    assert listed(classes) == CATS_AND_DOGS


@pytest.mark.parametrize(("make", "says"), [(True, "holds no pictures"), (False, "does not exist")])
def test_a_place_without_pictures_is_an_error(tmp_path: Path, make: bool, says: str):
    if make:
        (tmp_path / "place").mkdir()
    with pytest.raises(FileError, match=says):
        list_entries([tmp_path / "place"])
