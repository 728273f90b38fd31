from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ganplugin.steadying import Steadied, steadied


def still(random: np.random.RandomState, height: int = 40, width: int = 60) -> np.ndarray:
    return np.clip(0.5 + random.randn(height, width, 3) * 2 / 255, 0, 1).astype(np.float32)


def chain(paintings, sources, amount):
    state: Steadied | None = None
    found = []
    for painted, source in zip(paintings, sources, strict=True):
        state = steadied(state, painted, source, amount)
        found.append(state.painted)
    return found


def flicker(frames) -> float:
    return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(frames[8:])])) * 255


def test_flicker_of_a_still_place_goes_down_with_the_amount():
    random = np.random.RandomState(0)
    sources = [still(random) for _ in range(30)]
    paintings = [np.clip(0.5 + random.randn(40, 60, 3) * 0.05, 0, 1).astype(np.float32) for _ in range(30)]
    plain = flicker(paintings)
    assert flicker(chain(paintings, sources, 0.0)) == pytest.approx(plain)
    assert flicker(chain(paintings, sources, 0.5)) < 0.6 * plain
    assert flicker(chain(paintings, sources, 1.0)) < 0.25 * plain


def test_what_moves_is_not_blended():
    random = np.random.RandomState(1)
    sources, paintings = [], []
    for index in range(12):
        source = still(random)
        source[10:30, 3 * index : 3 * index + 20] = 0.9
        sources.append(source)
        paintings.append(source * 0.8)
    found = chain(paintings, sources, 1.0)[-1]
    assert np.abs(found - paintings[-1])[10:30, 30:55].max() * 255 < 1
    ghost = np.abs(found - paintings[-1])[10:30, 20:33].mean() * 255
    assert ghost < 4  # what the object has just left is new at once


def test_a_slow_fade_is_never_held_back():
    sources = [np.full((30, 40, 3), 0.2 + 0.5 * index / 255, np.float32) for index in range(200)]
    found = chain(sources, sources, 1.0)
    assert np.abs(found[-1] - sources[-1]).max() * 255 < 6


def test_a_painting_larger_than_the_film_is_steadied_too():
    random = np.random.RandomState(2)
    sources = [still(random) for _ in range(20)]
    paintings = [random.rand(80, 120, 4).astype(np.float32) for _ in range(20)]
    assert flicker(chain(paintings, sources, 1.0)) < 0.4 * flicker(paintings)


def test_the_first_frame_and_one_of_another_size_stand_alone():
    painted = np.zeros((8, 8, 3), np.float32)
    first = steadied(None, painted, painted, 1.0)
    assert first.painted is painted
    other = np.ones((9, 8, 3), np.float32)
    assert steadied(first, other, other, 1.0).painted is other
