from __future__ import annotations

import numpy as np
import pytest

from ganplugin.train.watch.translating import sameness, unchanged

RANDOM = np.random.default_rng(3)
PHOTOS = RANDOM.integers(0, 256, (8, 3, 1, 1), np.uint8).repeat(32, 2).repeat(32, 3)
STYLES = RANDOM.integers(0, 256, (9, 3, 1, 1), np.uint8).repeat(32, 2).repeat(32, 3)


@pytest.mark.parametrize(("part", "level"), [(1.0, "good"), (0.2, "watch"), (0.05, "bad"), (0.0, "bad")])
def test_translations_that_differ_less_than_photos_are_told(part: float, level: str) -> None:
    made = (128 + part * (PHOTOS.astype(float) - 128)).round().astype(np.uint8)
    found = sameness(made, PHOTOS, PHOTOS, early=False)
    assert found.level == level
    assert (level == "good") == (found.fix == "")


def test_a_second_collection_of_like_pictures_asks_for_no_more_than_it_has() -> None:
    blue = (STYLES // 8).clip(0, 255).astype(np.uint8)
    made = (PHOTOS // 8).astype(np.uint8)
    assert sameness(made, PHOTOS, blue, early=False).level == "good"
    assert sameness(made, PHOTOS, STYLES, early=False).level == "bad"


def test_what_is_grey_at_first_is_left_open() -> None:
    grey = np.full_like(PHOTOS, 128)
    assert sameness(grey, PHOTOS, STYLES, early=True).level == "unknown"
    assert sameness(PHOTOS, PHOTOS, STYLES, early=True).level == "good"


def test_photos_that_are_handed_through_are_told() -> None:
    assert unchanged(PHOTOS, PHOTOS).level == "watch"
    assert unchanged(255 - PHOTOS, PHOTOS).level == "good"
