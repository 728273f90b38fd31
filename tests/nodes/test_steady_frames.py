from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ganplugin.errors import Cancelled, InputError
from ganplugin.nodes import Context, SteadyFrames
from ganplugin.nodes.values import Images
from ganplugin.steadying import TAKE, WARM_UP
from tests.nodes.kit import sequence


def scene(colour: float, random: np.random.RandomState) -> np.ndarray:
    return np.clip(colour + random.randn(10, 12, 3) * 1 / 255, 0, 1).astype(np.float32)


def shots(*lengths: int) -> tuple[Images, Images, list[int]]:
    """A film of still shots, its flickering painting, and the numbers of the frames that were painted."""
    random = np.random.RandomState(0)
    film = [scene(0.2 + 0.6 * (n % 2), random) for n, length in enumerate(lengths) for _ in range(length)]
    paintings = [random.rand(10, 12, 3).astype(np.float32) for _ in film]
    asked: list[int] = []
    plain = sequence(paintings, name="painting")

    def render(start, stop):
        asked.extend(range(start, stop))
        return paintings[start:stop]

    return sequence(film, name="film"), Images(len(film), render, plain.origin, plain.recipe), asked


def steadied(film, painted, context, steady=1.0):
    return SteadyFrames(images=painted, film=film, steady=steady).run(context).images


def test_each_frame_depends_on_its_number_alone(context):
    film, painted, asked = shots(3 * TAKE + 7)
    straight = list(steadied(film, painted, context))
    assert asked == list(range(len(film)))  # each is painted once
    for index in (2 * TAKE, 2 * TAKE - 1, 5, 3 * TAKE + 6, TAKE + 3):
        assert np.array_equal(steadied(film, painted, context)[index], straight[index])
    jumping = steadied(film, painted, context)
    for index in (TAKE + 1, TAKE + 2, TAKE, 3, 2 * TAKE - 1, 2 * TAKE):
        assert np.array_equal(jumping[index], straight[index])
    asked.clear()
    steadied(film, painted, context)[3 * TAKE]
    assert len(asked) == WARM_UP + 1


def test_a_new_take_does_not_show(context):
    film, painted, _ = shots(2 * TAKE + 10)
    found = list(steadied(film, painted, context))
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(found)]
    assert changes[TAKE - 1] < 1.6 * np.median(changes[10:])


def test_a_cut_starts_anew(context):
    film, painted, _ = shots(20, 15)
    found = list(steadied(film, painted, context))
    assert np.array_equal(found[20], painted[20])
    assert np.abs(found[19] - painted[19]).mean() > 0.1
    assert np.array_equal(found[0], painted[0])


def test_nothing_is_done_at_0_and_films_must_fit(context):
    film, painted, _ = shots(5)
    assert steadied(film, painted, context, steady=0.0) is painted
    with pytest.raises(InputError, match="film: 4 frames for 5 painted ones"):
        SteadyFrames(images=painted, film=sequence([film[0]] * 4)).run(context)


def test_origins_name_what_all_frames_are_made_from(context):
    film, painted, _ = shots(5)
    images = steadied(film, painted, context)
    origin = images.origin(3)
    assert (origin.index, origin.recipe, origin.name) == (3, images.recipe, "painting-3")


def test_it_stops_when_asked():
    film, painted, _ = shots(30)
    asked: list[int] = []

    def cancelled():
        asked.append(1)
        return len(asked) > 40

    with pytest.raises(Cancelled):
        list(steadied(film, painted, Context(device="cpu", cancelled=cancelled)))
