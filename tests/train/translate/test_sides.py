from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.errors import FileError, TrainingError
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import pack
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sources import list_entries
from ganplugin.train.translate.sides import Frame, Sides, gather_pairs, gather_sides, middles, pieces

Maker = Callable[..., Path]
FRAME = Frame(16, 16)


def quiet(words: str) -> None:
    pass


def found(first: Path, second: Path, frame: Frame = FRAME) -> Sides:
    return gather_sides(first, second, frame, quiet)


def test_pictures_are_an_eighth_larger_than_what_is_learned_on(collection: Maker) -> None:
    sides = found(collection("photos"), collection("styles"))
    assert sides.photos.shape == (3, 18, 18)
    assert found(collection("wide"), collection("wider"), Frame(32, 16)).styles.shape == (3, 18, 36)


def test_a_part_of_each_collection_is_held_out(collection: Maker) -> None:
    sides = found(collection("photos", 12), collection("styles", 100))
    assert (len(sides.photos), len(sides.unseen_photos)) == (9, 3)
    assert (len(sides.styles), len(sides.unseen_styles)) == (84, 16)
    assert not set(sides.styles.names) & set(sides.unseen_styles.names)
    again = found(collection("photos2", 12), collection("styles2", 100))
    assert again.unseen_photos.names == sides.unseen_photos.names


def test_equal_pictures_are_on_one_side(collection: Maker) -> None:
    place = collection("photos", 10)
    for index in range(10):
        (place / f"copy{index}.png").write_bytes((place / f"{index:02d}.png").read_bytes())
    sides = found(place, collection("styles"))
    shown, unseen = ({name.removeprefix("copy").zfill(6) for name in part.names}
                     for part in (sides.photos, sides.unseen_photos))  # fmt: skip
    assert not shown & unseen


def test_a_collection_of_one_picture_over_and_over_is_refused(collection: Maker) -> None:
    place = collection("photos", 1)
    for index in range(10):
        (place / f"copy{index}.png").write_bytes((place / "00.png").read_bytes())
    with pytest.raises(TrainingError, match="too much alike"):
        found(place, collection("styles"))


def test_too_few_pictures_are_refused(collection: Maker) -> None:
    few = collection("few", 7)
    with pytest.raises(TrainingError, match=r"few.* holds 7 readable pictures, at least 8.*--crops"):
        found(collection("photos"), few)
    with pytest.raises(FileError, match="does not exist"):
        found(few.parent / "none", few)


def test_crops_are_cut_of_few_pictures_and_pieces_of_one_picture_stay_together(collection: Maker) -> None:
    sides = found(collection("photos", 12), collection("styles", 2), Frame(16, 16, crops=60))
    assert len(sides.photos) + len(sides.unseen_photos) == 60
    assert sides.photos.shape == (3, 16, 16)
    assert not set(sides.photos.names) & set(sides.unseen_photos.names)
    assert len(sides.unseen_styles) in range(6, 25)  # of two pictures, none can be held out whole


def test_a_packed_set_that_is_large_enough_stays_as_it_is(collection: Maker, tmp_path: Path) -> None:
    policy = Policy(width=24, height=24, channels=3)
    pack(list_entries([collection("photos")]), policy, tmp_path / "photos.pack")
    sides = found(tmp_path / "photos.pack", collection("styles"))
    assert sides.photos.shape == (3, 24, 24)
    assert found(tmp_path / "photos.pack", collection("large"), Frame(32, 32)).photos.shape == (3, 36, 36)


def test_broken_pictures_are_named(collection: Maker) -> None:
    place, told = collection("photos"), []
    (place / "broken.png").write_bytes(b"no picture")
    gather_sides(place, collection("styles"), FRAME, told.append)
    assert [words for words in told if "broken.png" in words]


def test_the_digest_tells_collections_and_their_order_apart(collection: Maker) -> None:
    one, other = collection("photos"), collection("others", seed=4)
    assert found(one, other).digest == found(one, other).digest
    assert found(one, other).digest != found(other, one).digest
    assert found(one, other).swapped().digest == found(other, one).digest


def test_pairs_keep_together(collection: Maker, tmp_path: Path) -> None:
    first, second = collection("edges", 16), tmp_path / "photos"
    second.mkdir()
    for path in first.iterdir():
        with Image.open(path) as picture:
            picture.point(lambda level: 255 - level).save(second / path.name)
    for frame in (FRAME, Frame(16, 16, crops=40)):
        sides = gather_pairs(first, second, frame, quiet)
        for photos, styles in ((sides.photos, sides.styles), (sides.unseen_photos, sides.unseen_styles)):
            assert photos.names == styles.names
            difference = photos.pixels.astype(int) + styles.pixels.astype(int) - 255
            assert abs(difference).max() <= 1


def test_pieces_are_where_and_how_they_were_asked_for() -> None:
    pixels = np.arange(2 * 3 * 6 * 6, dtype=np.uint8).reshape(2, 3, 6, 6)
    pictures = PackedSet.in_memory(pixels)
    places = torch.tensor([[0.0, 0.0, 0.9], [0.999, 0.5, 0.1]])
    found = pieces(pictures, np.array([1, 0]), places, Frame(4, 4)).numpy()
    assert np.array_equal(found[0], pixels[1, :, :4, :4])
    assert np.array_equal(found[1], pixels[0, :, 2:, 1:5][:, :, ::-1])
    straight = pieces(pictures, np.array([1, 0]), places, Frame(4, 4, flip=False)).numpy()
    assert np.array_equal(straight[1], pixels[0, :, 2:, 1:5])


def test_middles_are_spread_over_the_set() -> None:
    pixels = np.zeros((9, 3, 6, 6), np.uint8)
    pixels[:, :, 1:5, 1:5] = np.arange(9)[:, None, None, None]
    found = middles(PackedSet.in_memory(pixels), Frame(4, 4), 3)
    assert found.pixels[:, 0].tolist() == np.repeat([0, 4, 8], 16).reshape(3, 4, 4).tolist()
    assert len(middles(PackedSet.in_memory(pixels), Frame(4, 4), 20)) == 9
