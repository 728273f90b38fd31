from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ganplugin.colour import (
    COLOUR_MODES,
    ColourMode,
    keep_luminance_of,
    match_histogram,
    match_statistics,
    preserve_colour,
)
from ganplugin.errors import InputError

LUMA = np.array([0.299, 0.587, 0.114])
WAYS = [keep_luminance_of, match_statistics, match_histogram]


def picture(seed: int, *, low: float = 0.0, high: float = 1.0, size: tuple[int, int] = (40, 50)) -> NDArray[np.float32]:
    smooth = np.random.default_rng(seed).random((*size, 3), dtype=np.float32)
    return (low + (high - low) * smooth).astype(np.float32)


@pytest.mark.parametrize("way", WAYS)
@given(seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_results_are_float32_pictures_of_the_same_size(way: Any, seeds: tuple[int, int]) -> None:
    stylised, content = picture(seeds[0]), picture(seeds[1], low=0.2, high=0.6)
    before = stylised.copy(), content.copy()
    result = way(stylised, content)
    assert result.shape == stylised.shape
    assert result.dtype == np.float32
    assert 0 <= result.min() <= result.max() <= 1
    assert np.array_equal(before[0], stylised)
    assert np.array_equal(before[1], content)


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_matched_to_itself_stays_as_it_is(way: Any) -> None:
    same = picture(1)
    assert np.abs(way(same, same) - same).max() < 2e-3


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_pictures_are_no_trouble(way: Any, level: float) -> None:
    flat = np.full((5, 6, 3), level, np.float32)
    assert np.isfinite(way(flat, picture(2, size=(5, 6)))).all()
    assert np.isfinite(way(picture(2, size=(5, 6)), flat)).all()
    assert np.abs(way(flat, flat) - flat).max() < 2e-3


def test_luminance_is_that_of_the_style_even_at_the_edge_of_the_gamut() -> None:
    stylised, content = picture(3), picture(4)
    result = keep_luminance_of(stylised, content)
    assert np.abs(result @ LUMA - stylised @ LUMA).max() < 1e-5


def test_luminance_keeps_the_hue_of_the_content() -> None:
    content = np.broadcast_to(np.array([0.6, 0.3, 0.2], np.float32), (4, 4, 3))
    result = keep_luminance_of(np.full((4, 4, 3), 0.5, np.float32), content)
    chroma, wanted = result - (result @ LUMA)[..., None], content - (content @ LUMA)[..., None]
    assert np.allclose(chroma, wanted, atol=1e-5)
    grey = keep_luminance_of(picture(5), np.full((40, 50, 3), 0.4, np.float32))
    assert np.allclose(grey[..., 0], grey[..., 2], atol=1e-6)


def test_statistics_become_those_of_the_content() -> None:
    mixing = np.array([[0.3, 0.1, 0], [0, 0.25, 0.1], [0.1, 0, 0.2]], np.float32)
    stylised = picture(6) @ mixing
    content = (0.35 + 0.15 * picture(7) @ mixing.T).astype(np.float32)
    result = match_statistics(stylised, content).reshape(-1, 3)
    assert np.allclose(result.mean(axis=0), content.reshape(-1, 3).mean(axis=0), atol=1e-4)
    assert np.allclose(np.cov(result.T), np.cov(content.reshape(-1, 3).T), atol=1e-4)


def test_the_histogram_becomes_that_of_the_content_and_keeps_the_order_of_values() -> None:
    stylised, content = picture(8) ** 2, picture(9, low=0.3, high=0.7)
    result = match_histogram(stylised, content)
    for channel in range(3):
        levels = np.linspace(0.01, 0.99, 25)
        expected, found = (np.quantile(p[..., channel], levels) for p in (content, result))
        assert np.abs(expected - found).max() < 0.01
        order = np.argsort(stylised[..., channel], axis=None)
        assert (np.diff(result[..., channel].ravel()[order]) >= -1e-6).all()


def test_modes_are_found_by_name() -> None:
    stylised, content = picture(1), picture(2)
    assert get_args(ColourMode) == COLOUR_MODES == ("off", "luminance", "statistics", "histogram")
    assert preserve_colour("off", stylised, content) is stylised
    modes: tuple[ColourMode, ...] = ("luminance", "statistics", "histogram")
    for mode, way in zip(modes, WAYS, strict=True):
        assert np.array_equal(preserve_colour(mode, stylised, content), way(stylised, content))
    unknown: Any = "histogramm"
    with pytest.raises(InputError, match="did you mean 'histogram'"):
        preserve_colour(unknown, stylised, content)


@pytest.mark.parametrize("way", WAYS)
def test_pictures_of_different_sizes_are_refused(way: Any) -> None:
    for other in (picture(1, size=(40, 51)), picture(1)[..., :1], picture(1)[:0]):
        with pytest.raises(InputError, match="one size"):
            way(picture(1), other)
    with pytest.raises(InputError):
        way(picture(1)[:0], picture(1)[:0])


@pytest.mark.parametrize("mode", ["luminance", "statistics", "histogram"])
def test_bands_of_rows_give_the_same_colours_and_may_replace_the_picture(monkeypatch, mode):
    random = np.random.RandomState(4)
    stylised, content = (random.rand(30, 20, 3).astype(np.float32) ** power for power in (1, 2))
    whole = preserve_colour(mode, stylised, content)
    monkeypatch.setattr("ganplugin.sizing._BAND_PIXELS", 70)
    assert np.allclose(preserve_colour(mode, stylised, content), whole, atol=1e-6)
    into = stylised.copy()
    assert preserve_colour(mode, into, content, into=into) is into
    assert np.allclose(into, whole, atol=1e-6)
