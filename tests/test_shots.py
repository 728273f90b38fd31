from __future__ import annotations

import numpy as np
import pytest

from ganplugin.shots import Shot, survey


def scene(seed: int, height: int = 90, width: int = 240) -> np.ndarray:
    """A picture of soft spots in a few colours, another for each seed."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.ones((height, width, 3), np.float32) * random.rand(3) * 0.6
    for _ in range(12):
        top, left, size = random.rand(3) * (height, width, 30) + (0, 0, 8)
        spot = np.exp(-((y - top) ** 2 + (x - left) ** 2) / size**2)[..., None]
        picture += spot * (random.rand(3) - 0.3)
    return np.clip(picture, 0, 1).astype(np.float32)


def filmed(picture: np.ndarray, random: np.random.RandomState, exposure: float = 1.0) -> np.ndarray:
    return np.clip(picture * exposure + random.randn(*picture.shape) * 3 / 255, 0, 1).astype(np.float32)


def test_cuts_are_found_and_noise_flicker_and_a_pan_are_none():
    random = np.random.RandomState(0)
    still = [filmed(scene(1)[:, :120], random, 1 + 0.03 * random.randn()) for _ in range(20)]
    pan = [filmed(scene(2)[:, 4 * i : 4 * i + 120], random) for i in range(25)]
    short = [filmed(scene(3)[:, :120], random) for _ in range(6)]
    assert survey([*still, *pan, *short]).shots == (Shot(0, 20), Shot(20, 45), Shot(45, 51))


def test_a_flash_is_no_cut():
    random = np.random.RandomState(1)
    film = [filmed(scene(1)[:, :120], random) for _ in range(20)]
    film[9] = np.clip(film[9] + 0.5, 0, 1)
    assert survey(film).shots == (Shot(0, 20),)


def test_films_of_few_frames():
    assert survey([]).shots == ()
    assert survey([]).gains.shape == (0, 3)
    assert survey([scene(1)]).shots == (Shot(0, 1),)
    assert survey([scene(1), scene(2)]).shots == (Shot(0, 1), Shot(1, 2))
    assert survey([np.zeros((1, 1, 1), np.float32)] * 3).shots == (Shot(0, 3),)


def test_frames_of_another_size_are_another_shot():
    assert survey([scene(1)] * 4 + [scene(1, 40, 60)] * 4).shots == (Shot(0, 4), Shot(4, 8))


def test_pumping_exposure_is_evened_out_and_a_fade_is_kept():
    random = np.random.RandomState(2)
    picture = scene(1)[:, :120] * 0.8
    wobble = 1 + 0.04 * random.randn(40)
    found = survey([filmed(picture, random, gain) for gain in wobble])
    evened = wobble * found.gains[:, 1]
    assert np.abs(np.diff(evened)).mean() < 0.15 * np.abs(np.diff(wobble)).mean()
    fade = np.linspace(1, 0.3, 40)
    gains = survey([filmed(picture, random, gain) for gain in fade]).gains
    assert np.abs(gains - 1).max() < 0.05


def test_what_walks_through_the_picture_is_no_exposure():
    film = []
    for index in range(20):
        frame = scene(1)[:, :120].copy()
        frame[20:70, 5 * index : 5 * index + 30] = 1
        film.append(frame)
    assert np.abs(survey(film).gains - 1).max() < 0.01


@pytest.mark.parametrize(("length", "count", "wanted"), [(10, 5, (1, 3, 5, 7, 9)), (3, 5, (0, 1, 2)), (1, 5, (0,))])
def test_samples_are_spread_over_the_shot(length, count, wanted):
    assert Shot(100, 100 + length).samples(count) == tuple(100 + number for number in wanted)
