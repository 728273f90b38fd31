from __future__ import annotations

import pytest

from ganplugin.errors import CheckpointError
from ganplugin.models.module_words import Words, class_of

TORCH = "torch.nn.modules"
ROW = {
    "body": {"class": f"{TORCH}.container.Sequential"},
    "body.0": {"class": f"{TORCH}.conv.Conv2d", "stride": (2, 2), "padding": (1, 0), "dilation": 1, "bias": True},
    "body.1": {"class": f"{TORCH}.activation.ELU"},
    "body.2": {"class": f"{TORCH}.dropout.Dropout2d"},
    "body.3": {"class": "training.Reshape"},
    "body.4": {"class": f"{TORCH}.linear.Linear"},
    "relu": {"class": f"{TORCH}.activation.ReLU"},
    "head": {"class": f"{TORCH}.linear.Linear"},
}


def words(**more: dict[str, object]) -> Words:
    return Words({"class": "training.Net", "modules": {**ROW, **more}}, {"body.0", "body.4", "head"})


def test_what_is_in_a_row_between_two_modules() -> None:
    assert words().between("body.0", "body.4") == (ROW["body.1"],)
    assert words().between("body.1", "body.4") == ()
    assert words().between("body.0", None) == (ROW["body.1"],)


def test_nothing_is_known_of_places_between_containers_or_of_other_names() -> None:
    assert words().between("body.4", "head") is None
    assert words().between("body.0", "tail") is None
    assert Words({}, {"a"}).between("a", None) is None


def test_silent_modules_hold_neither_tensors_nor_modules() -> None:
    assert [class_of(said) for said in words().silent()] == ["ELU", "Dropout2d", "Reshape", "ReLU"]


def test_the_file_can_be_one_row() -> None:
    row = {"0": {"class": f"{TORCH}.linear.Linear"}, "1": {"class": f"{TORCH}.activation.Tanh"}}
    config = {"class": f"{TORCH}.container.Sequential", "modules": row}
    assert Words(config, {"0"}).between("0", None) == (row["1"],)


def test_numbers_of_one_or_of_both_sides() -> None:
    assert words().number("body.0", "stride") == 2
    assert words().number("body.0", "dilation") == 1
    assert words().number("body.0", "bias") is None
    assert words().number("gone", "stride") is None
    assert words(odd={"class": "a.B", "stride": [[1], [1]]}).number("odd", "stride") is None
    with pytest.raises(CheckpointError, match="a padding of"):
        words().number("body.0", "padding")


def test_a_class_that_nobody_knows_is_refused() -> None:
    strange = words(**{"body.3": {"class": "training.PixelNorm"}})
    with pytest.raises(CheckpointError, match="PixelNorm, which is not known here"):
        strange.between("body.0", "body.4")
