from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import InputError
from ganplugin.train.pictures.cutting import check_policy, cut, cut_patches, needed_size
from ganplugin.train.pictures.policy import Policy, parse_colour, parse_size
from tests.train.pictures.conftest import photo

BARS = Image.fromarray(np.repeat(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8), 30, 0).repeat(30, 1))
"""A red, a green and a blue square side by side, 90 x 30."""


def policy(**fields: object) -> Policy:
    return Policy(**{"width": 30, "height": 30, **fields})


def colours(frame: np.ndarray) -> list[tuple[int, ...]]:
    """Return the colours left, middle and right of the middle row of a frame."""
    width = frame.shape[2]
    return [tuple(frame[:, frame.shape[1] // 2, x].tolist()) for x in (1, width // 2, width - 2)]


def test_a_crop_is_the_middle():
    assert colours(cut(BARS, policy())[0]) == [(0, 255, 0)] * 3


def test_squash_shows_everything_distorted():
    assert colours(cut(BARS, policy(way="squash"))[0]) == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


@pytest.mark.parametrize(("pad", "edge"), [("white", (255, 255, 255)), ("black", (0, 0, 0))])
def test_padding_shows_everything_with_a_border(pad: str, edge: tuple[int, int, int]):
    (frame,) = cut(BARS, policy(way="pad", pad=pad))
    assert colours(frame) == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert tuple(frame[:, 0, 15].tolist()) == tuple(frame[:, -1, 15].tolist()) == edge
    assert frame.shape == (3, 30, 30)


def test_a_mirrored_border_goes_on_with_the_picture():
    rows = Image.fromarray(np.tile(np.arange(0, 100, 10, dtype=np.uint8)[:, None, None], (1, 30, 3)))
    (frame,) = cut(rows, policy(way="pad", pad="mirror"))
    assert frame[0, :, 5].tolist() == [*range(90, -1, -10), *range(0, 100, 10), *range(90, -1, -10)]


def test_not_square():
    assert cut(BARS, policy(width=60)).shape == (1, 3, 30, 60)
    assert colours(cut(BARS, policy(width=60))[0]) == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_alpha_is_kept_end_to_end_or_laid_on_the_background():
    half = np.zeros((30, 30, 4), np.uint8)
    half[:, 15:] = (200, 100, 50, 255)
    half[:, :15, 0] = 77
    image = Image.fromarray(half)
    (frame,) = cut(image, policy(channels=4))
    assert np.array_equal(frame[3], half[..., 3])
    assert frame[:, 0, 20].tolist() == [200, 100, 50, 255]
    assert frame[:, 0, 5].tolist() == [255, 255, 255, 0], "what nobody sees has the background's colour"
    assert cut(image, policy())[0, :, 0, 5].tolist() == [255, 255, 255]
    assert cut(image, policy(background=(1, 2, 3)))[0, :, 0, 5].tolist() == [1, 2, 3]
    assert cut(BARS, policy(channels=4))[0, 3].min() == 255


def test_a_clear_border_is_clear():
    (frame,) = cut(BARS, policy(way="pad", pad="clear", channels=4))
    assert frame[3, 0].max() == 0
    assert frame[3, 15].min() == 255


def test_grey_is_one_channel():
    assert cut(BARS, policy(channels=1)).shape == (1, 1, 30, 30)
    assert cut(BARS, policy(channels=1, way="pad", pad="mirror")).shape == (1, 1, 30, 30)


def test_patches_are_random_pieces_of_the_policys_proportions():
    image, wanted = photo(3, 200, 120), policy(way="patches", count=9, width=32, height=16)
    first, again = (cut_patches(image, wanted, 9, np.random.default_rng(5)) for _ in range(2))
    assert first.shape == (9, 3, 16, 32)
    assert np.array_equal(first, again)
    assert len({patch.tobytes() for patch in first}) == 9
    exact = cut_patches(image.crop((0, 0, 32, 16)), wanted, 2, np.random.default_rng(5))
    assert np.array_equal(exact[0], exact[1]), "a picture of just this size has one piece"
    with pytest.raises(InputError, match="too small"):
        cut_patches(photo(3, 31, 120), wanted, 1, np.random.default_rng(5))


def test_patches_keep_alpha():
    clear = Image.new("RGBA", (100, 100), (10, 20, 30, 128))
    patches = cut_patches(clear, policy(way="patches", count=2, channels=4), 2, np.random.default_rng(0))
    assert patches.shape == (2, 4, 30, 30)
    assert set(patches[:, 3].ravel().tolist()) == {128}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"way": "patches"}, "--count"),
        ({"count": 5}, "--policy patches"),
        ({"way": "pad", "pad": "clear"}, "--channels 4"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(fields: dict[str, object], says: str):
    with pytest.raises(InputError, match=says):
        check_policy(policy(**fields))


def test_only_patches_need_every_pixel():
    assert needed_size(policy(width=40)) == (40, 30)
    assert needed_size(policy(way="patches", count=1)) is None


def test_sizes_and_colours_are_parsed():
    assert (parse_size("64"), parse_size(" 96x64 ")) == ((64, 64), (96, 64))
    assert (parse_colour("white"), parse_colour("#010203")) == ((255, 255, 255), (1, 2, 3))
    for text in ("", "0", "64x", "a", "5000", "6 4"):
        with pytest.raises(InputError, match="not a size"):
            parse_size(text)
    with pytest.raises(InputError, match="not a colour"):
        parse_colour("blurple")
