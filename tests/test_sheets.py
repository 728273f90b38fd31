from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ganplugin.errors import ImageError, InputError
from ganplugin.limits import MAX_PIXELS
from ganplugin.sheets import PAPER, contact_sheet

RED = (1.0, 0.0, 0.0)


def flat(height: int, width: int, colour: tuple[float, ...] = RED) -> NDArray[np.float32]:
    return np.broadcast_to(np.array(colour, np.float32), (height, width, len(colour))).copy()


def is_paper(sheet: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.abs(sheet - np.array(PAPER, np.float32)).max(axis=2) < 1e-6


def test_pictures_of_cell_size_are_laid_out_unchanged_with_even_gaps() -> None:
    pictures = [np.random.default_rng(i).random((200, 200, 3), dtype=np.float32) for i in range(4)]
    sheet = contact_sheet(pictures, gap=10)
    assert sheet.shape == (20 + 200 + 10 + 200 + 20, 450, 3)
    assert sheet.dtype == np.float32
    for index, picture in enumerate(pictures):
        top, left = 20 + index // 2 * 210, 20 + index % 2 * 210
        assert np.array_equal(sheet[top : top + 200, left : left + 200], picture)
    assert is_paper(sheet[:20]).all()
    assert is_paper(sheet[220:230]).all()


def test_small_pictures_are_enlarged_by_a_whole_factor() -> None:
    picture = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    sheet = contact_sheet([picture], gap=0)
    assert sheet.shape == (192, 192, 3)
    blocks = sheet.reshape(64, 3, 64, 3, 3).mean(axis=(1, 3))
    assert np.abs(blocks - picture).mean() < 0.1


@pytest.mark.parametrize("shape", [(300, 400), (512, 30), (1, 1), (2000, 1000)])
def test_proportions_are_kept_and_pictures_are_centred(shape: tuple[int, int]) -> None:
    sheet = contact_sheet([flat(*shape), flat(200, 200, (0, 0, 1))], columns=1, cell=200, gap=4)
    red = np.abs(sheet[8:208] - RED).max(axis=2) < 1e-3
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    height, width = len(rows), len(columns)
    factor = 200 / max(shape)
    assert abs(height - shape[0] * factor) <= 1
    assert abs(width - shape[1] * factor) <= 1
    assert abs((200 - rows[-1] - 1) - rows[0]) <= 1


def test_cells_have_the_shape_of_pictures_that_share_one() -> None:
    assert contact_sheet([flat(300, 400)] * 4, columns=2, cell=400, gap=0).shape == (600, 800, 3)


@pytest.mark.parametrize(("count", "across"), [(1, 1), (2, 2), (4, 2), (6, 3), (9, 3), (12, 4), (16, 4), (24, 6)])
def test_the_page_is_nearly_square_without_holes(count: int, across: int) -> None:
    sheet = contact_sheet([flat(20, 20)] * count, cell=20, gap=0)
    assert sheet.shape[1] in (20 * across, 20 * count // across)
    assert (np.abs(sheet - RED).max(axis=2) < 1e-6).all()


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(0, 12))
def test_every_picture_is_on_the_page_once(count: int, columns: int) -> None:
    pictures = [flat(1, 1, ((i + 1) / 41, 0, 0)) for i in range(count)]
    sheet = contact_sheet(pictures, columns=columns, cell=1, gap=1, background=(1, 1, 1))
    seen = sorted(round(float(red) * 41) for red in sheet[..., 0][sheet[..., 1] == 0])
    assert seen == list(range(1, count + 1))
    if columns:
        assert sheet.shape[1] == min(columns, count) * 2 + 3


def test_transparency_shows_the_ground_and_grey_is_grey() -> None:
    sheet = contact_sheet([flat(4, 4, (1, 0, 0, 0)), flat(4, 4, (0.25,))], columns=2, cell=4, gap=0)
    assert is_paper(sheet[:, :4]).all()
    assert np.allclose(sheet[:, 4:], 0.25)
    half = contact_sheet([flat(4, 4, (1, 0, 0, 0.5))], cell=4, gap=0, background=(0, 0, 1))
    assert np.allclose(half, (0.5, 0, 0.5))


@pytest.mark.parametrize("background", [PAPER, (0.05, 0.05, 0.05)])
def test_captions_stand_below_their_picture_and_are_legible(background: tuple[float, float, float]) -> None:
    plain = contact_sheet([flat(200, 200)] * 2, columns=1, gap=8, background=background)
    sheet = contact_sheet([flat(200, 200)] * 2, columns=1, gap=8, background=background, labels=["seed 1", ""])
    band = (sheet.shape[0] - plain.shape[0]) // 2
    assert 12 <= band <= 60
    first, second = sheet[216 : 216 + band], sheet[216 + band + 8 + 200 : -16]
    assert np.abs(first - background).max() > 0.5
    assert np.abs(second - background).max() < 1e-6
    assert np.array_equal(sheet[16:216, 16:216], flat(200, 200))


def test_a_long_caption_is_shortened_not_spilled() -> None:
    sheet = contact_sheet([flat(200, 200)] * 2, columns=2, gap=20, labels=["a very long caption, " * 20, "b"])
    below = ~is_paper(sheet[240:])
    assert below[:, 40:240].any()
    assert not below[:, :40].any()
    assert not below[:, 240:260].any()


def test_captions_are_deterministic() -> None:
    sheets = [contact_sheet([flat(200, 200)], labels=["seed 7"]) for _ in range(2)]
    assert sheets[0].tobytes() == sheets[1].tobytes()


def test_what_makes_no_sheet_is_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        contact_sheet([])
    with pytest.raises(InputError, match="labels"):
        contact_sheet([flat(2, 2)], labels=["a", "b"])
    for columns, gap, cell in ((-1, 0, 1), (0, -1, 1), (0, 0, 0)):
        with pytest.raises(InputError, match="negative"):
            contact_sheet([flat(2, 2)], columns=columns, gap=gap, cell=cell)
    for picture in (np.zeros((2, 2), np.float32), np.zeros((2, 2, 2), np.float32), np.zeros((0, 2, 3), np.float32)):
        with pytest.raises(ImageError, match="shape"):
            contact_sheet([picture])
    side = int(MAX_PIXELS**0.5) + 10
    with pytest.raises(InputError, match="too large"):
        contact_sheet([flat(2, 2)], cell=side)
