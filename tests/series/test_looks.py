from __future__ import annotations

import numpy as np
import pytest

from ganplugin.series.looks import chosen, look_of


def plain(level: int, size: int = 20) -> np.ndarray:
    return np.full((size, size, 3), level, np.uint8)


def looks(*levels: int) -> np.ndarray:
    return np.stack([np.frombuffer(look_of(plain(level)), np.uint8) for level in levels])


def test_the_best_are_kept_and_of_equals_the_first():
    scores = np.array([1.0, 3.0, 2.0, 3.0])
    assert chosen(scores, looks(0, 0, 0, 0), 3, 0.0) == [1, 3, 2]


def test_no_two_that_are_kept_look_alike():
    assert chosen(np.array([4.0, 3.0, 2.0, 1.0]), looks(0, 10, 100, 105), 4, 0.2) == [0, 2]


def test_a_distance_is_from_black_to_white():
    assert chosen(np.array([2.0, 1.0]), looks(0, 255), 2, 1.0) == [0, 1]
    assert chosen(np.array([2.0, 1.0]), looks(0, 254), 2, 1.0) == [0]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_look_is_of_one_size_whatever_the_picture(channels):
    assert len(look_of(np.zeros((9, 31, channels), np.uint8))) == 432


def test_what_differs_in_detail_alone_looks_alike():
    noise = np.random.RandomState(0).randint(0, 256, (120, 120, 3)).astype(np.uint8)
    other = np.random.RandomState(1).randint(0, 256, (120, 120, 3)).astype(np.uint8)
    both = np.stack([np.frombuffer(look_of(picture), np.uint8) for picture in (noise, other)])
    assert len(chosen(np.array([1.0, 1.0]), both, 2, 0.1)) == 1
