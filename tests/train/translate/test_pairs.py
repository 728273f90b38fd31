from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import ImageError, InputError, TrainingError
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sources import list_entries
from ganplugin.train.translate.pairs import halved, list_pairs, matched

Maker = Callable[..., Path]
POLICY = Policy(width=18, height=18, channels=3)


def test_partners_have_the_same_name_whatever_their_suffix(collection: Maker) -> None:
    first, second = collection("edges", 4), collection("photos", 4)
    (second / "02.png").rename(second / "02.bmp")
    pairs = list_pairs(first, second, POLICY)
    assert [entry.name for entry in pairs.first] == ["00.png", "01.png", "02.png", "03.png"]
    assert [entry.name for entry in pairs.second] == ["00.png", "01.png", "02.bmp", "03.png"]
    assert pairs.left_out == ()


def test_missing_partners_are_named(collection: Maker) -> None:
    first, second = collection("edges", 9), collection("photos", 2)
    (second / "extra.png").write_bytes((first / "00.png").read_bytes())
    pairs = list_pairs(first, second, POLICY)
    assert len(pairs.first) == 2
    (words,) = pairs.left_out
    assert "02 (second), 03 (second), 04 (second), 05 (second), 06 (second) and 3 more" in words


def test_folders_without_a_common_name_are_refused(collection: Maker) -> None:
    first, second = collection("edges", 2), collection("photos", 2)
    for path in list(second.iterdir()):
        path.rename(second / f"b{path.name}")
    with pytest.raises(TrainingError, match=r"'00' and 'b00'.*--paired"):
        list_pairs(first, second, POLICY)


def test_two_pictures_of_one_name_are_refused(collection: Maker) -> None:
    first = collection("edges", 2)
    (first / "00.bmp").write_bytes(b"")
    with pytest.raises(InputError, match="two pictures are called '00'"):
        matched(list_entries([first]), list_entries([first]))


def test_pairs_of_other_proportions_or_that_cannot_be_read_are_left_out(collection: Maker) -> None:
    first, second = collection("edges", 5), collection("photos", 5)
    Image.new("RGB", (80, 36)).save(second / "01.png")
    (first / "02.png").write_bytes(b"no picture")
    Image.new("RGB", (80, 72)).save(second / "03.png")
    pairs = list_pairs(first, second, POLICY)
    assert [entry.name for entry in pairs.second] == ["00.png", "03.png", "04.png"]
    assert "01.png: is 40 x 36, its partner 80 x 36" in pairs.left_out[0]
    assert "02.png" in pairs.left_out[1]
    patches = POLICY.model_copy(update={"way": "patches", "count": 20})
    assert [entry.name for entry in list_pairs(first, second, patches).second] == ["00.png", "04.png"]


def test_where_no_pair_can_be_used_it_is_said_why(collection: Maker) -> None:
    with pytest.raises(TrainingError, match=r"no pair .* 40 x 36, its partner 20 x 36"):
        list_pairs(collection("edges", 2), collection("photos", 2, (20, 36)), POLICY)


def test_double_pictures_are_cut_in_the_middle(tmp_path: Path) -> None:
    pixels = np.zeros((10, 21, 3), np.uint8)
    pixels[:, 10:] = 255
    Image.fromarray(pixels).save(tmp_path / "both.png")
    pairs = halved(list_entries([tmp_path]))
    sides = [entry.decode(entry.fetch(), None) for entry in (pairs.first[0], pairs.second[0])]
    assert [levels.size for levels in sides] == [(10, 10), (10, 10)]
    assert [np.asarray(levels.image).mean() for levels in sides] == [0, 255]


def test_a_picture_too_narrow_for_two_is_an_error_in_words(tmp_path: Path) -> None:
    Image.new("RGB", (1, 9)).save(tmp_path / "line.png")
    (entry,) = halved(list_entries([tmp_path])).first
    with pytest.raises(ImageError, match="too narrow"):
        entry.decode(entry.fetch(), None)
