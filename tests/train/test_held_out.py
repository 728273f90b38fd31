from __future__ import annotations

import numpy as np
import pytest

from ganplugin.train.held_out import SEED, hold_out
from ganplugin.train.pictures.packed import PackedSet, SetRecord
from ganplugin.train.pictures.policy import Policy


def noise(count: int) -> PackedSet:
    return PackedSet.in_memory(np.random.default_rng(0).integers(0, 256, (count, 3, 16, 16), np.uint8))


def test_a_tenth_is_held_out_of_many() -> None:
    held = hold_out(noise(400), 0.1)
    assert held.unseen is not None
    assert (held.part, held.seed) == (0.1, SEED)
    assert 25 <= len(held.unseen) <= 55
    assert len(held.unseen) + len(held.training) == 400
    assert held.words.startswith(f"{len(held.unseen)} of 400 pictures are held out")


@pytest.mark.parametrize("count", [72, 80, 120, 159])
def test_of_few_pictures_more_are_held_out_so_that_there_are_16(count: int) -> None:
    held = hold_out(noise(count), 0.1)
    assert held.unseen is not None
    assert 16 <= len(held.unseen) <= 0.4 * count
    assert held.part <= 0.3
    # The recorded part makes the same sides without any search.
    again = hold_out(held.whole, held.part, held.seed)
    assert again.unseen is not None
    assert (again.training.digest, again.unseen.digest) == (held.training.digest, held.unseen.digest)


@pytest.mark.parametrize(
    ("pictures", "part", "words"),
    [
        (noise(30), 0.1, "30 pictures are too few to hold 16 out"),
        (noise(200), 0.0, "no pictures are held out"),
        (PackedSet.in_memory(np.full((200, 3, 8, 8), 7, np.uint8)), 0.1, "all pictures are alike"),
    ],
)
def test_where_none_can_be_held_out_it_says_why(pictures: PackedSet, part: float, words: str) -> None:
    held = hold_out(pictures, part)
    assert held.unseen is None
    assert held.training is pictures
    assert held.part == 0
    assert words in held.words


def test_pieces_of_one_picture_on_both_sides_are_not_kept_quiet() -> None:
    plain = noise(300)
    record = SetRecord(
        count=300, channels=3, height=16, width=16, sha256=plain.digest,
        policy=Policy(width=16, height=16, way="patches", count=300),
    )  # fmt: skip
    held = hold_out(PackedSet(plain.everything, record=record), 0.1)
    assert "pieces of pictures whose other pieces are trained on" in held.words
    assert hold_out(plain, 0.1, pieces=True).words == held.words
