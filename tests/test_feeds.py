from __future__ import annotations

import numpy as np
import pytest

from ganplugin.errors import InputError
from ganplugin.feeds import Feeds, as_picture_rows, as_planes, checked

SHAPES = {"z": ("batch", 4), "truncation": (3,), "ws": ("rows", 3, 2), "strength": (), "style": (1, 3, "h", "w")}


def feeds(rows=5):
    return Feeds(rows, SHAPES, "tiny")


def test_rows_are_cut_and_the_rest_stays_whole():
    z = np.arange(20).reshape(5, 4)
    part = feeds().add("z", z).add("truncation", 0.5).add("ws", np.ones((1, 3, 2))).part(1, 3)
    assert part["z"].tolist() == [[4, 5, 6, 7], [8, 9, 10, 11]]
    assert part["truncation"].tolist() == [0.5, 0.5, 0.5]
    assert part["ws"].shape == (1, 3, 2)
    assert all(value.dtype == np.float32 and value.flags.c_contiguous for value in part.values())


def test_one_row_is_repeated_for_every_picture():
    assert feeds().add("z", [1, 2, 3, 4]).part(3, 5)["z"].tolist() == [[1, 2, 3, 4]] * 2


def test_numbers_without_axes_stay_numbers():
    assert feeds().add("strength", 0.25).part(0, 1)["strength"].shape == ()


def test_none_leaves_the_default():
    assert feeds().add("z", None).part(0, 5) == {}


def test_an_absent_input_takes_its_neutral_value_only():
    assert feeds().add("noise_strength", 1.0, neutral=1.0).part(0, 5) == {}
    with pytest.raises(InputError, match="takes no noise_strength"):
        feeds().add("noise_strength", 0.5, neutral=1.0)
    with pytest.raises(InputError, match="takes no label"):
        feeds().add("label", [1.0])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("z", np.ones((5, 3)), r"shape \[5, 3\], but needs \[batch, 4\]"),
        ("z", np.ones((4, 4)), "4 rows for 5 pictures"),
        ("truncation", [1.0, 1.0], r"shape \[2\], but needs \[3\]"),
        ("truncation", float("nan"), "not a finite number"),
        ("ws", np.full((5, 3, 2), np.inf), "not a finite number"),
        ("strength", [[1.0]], "shape"),
        ("z", "many", "not an array of numbers"),
        ("z", [[1, 2], [3]], "not an array of numbers"),
        ("style", np.ones((2, 3, 4, 4)), "shape"),
    ],
)
def test_what_does_not_fit_is_an_input_error(name, value, message):
    with pytest.raises(InputError, match=message):
        feeds().add(name, value)


def test_no_copy_is_made_of_what_fits():
    z = np.ones((5, 4), np.float32)
    assert checked("z", z, SHAPES["z"]) is z or np.shares_memory(checked("z", z, SHAPES["z"]), z)


def test_pictures_are_rows_of_planes():
    picture = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    rows = as_picture_rows("content", picture, 3)
    assert rows.shape == (1, 2, 4, 3)
    assert as_planes(rows).shape == (1, 3, 2, 4)
    assert as_planes(rows)[0, 2, 1, 3] == picture[1, 3, 2]


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (1, 0, 4, 3), (1, 1, 4, 4, 3)])
def test_other_arrays_are_no_pictures(shape):
    with pytest.raises(InputError):
        as_picture_rows("content", np.ones(shape), 3)


def test_whole_numbers_are_not_taken_for_pictures():
    with pytest.raises(InputError, match="divide 8-bit values by 255"):
        as_picture_rows("content", np.zeros((4, 4, 3), np.uint8), 3)
