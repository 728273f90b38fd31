from __future__ import annotations

import pytest

from ganplugin.errors import InputError
from ganplugin.manifest import HyperParameter
from ganplugin.models.setting import GIVEN, Setting

EPSILON = Setting("bn_eps", "norm epsilon", 0.8, least=0, most=1)
ACTIVATION = Setting("activation", "activation", "relu", choices=("relu", "elu"))
SIDE = Setting("side", "picture side", 28, least=1, key="img_size")
BLUR = Setting("blur", "blurs", False)


def test_the_default_says_that_it_is_one() -> None:
    assert EPSILON.read({}) == HyperParameter(name="norm epsilon", value=0.8, origin="default")


def test_what_the_file_says_beats_the_default_and_what_is_given_beats_both() -> None:
    said = {"img_size": 64}
    assert SIDE.read(said) == HyperParameter(name="picture side", value=64, origin="metadata")
    assert SIDE.read({**said, GIVEN: {"side": "32"}}) == HyperParameter(name="picture side", value=32, origin="option")


def test_a_whole_number_said_for_a_number_is_one() -> None:
    assert EPSILON.read({"bn_eps": 1}) == HyperParameter(name="norm epsilon", value=1.0, origin="metadata")
    assert EPSILON.read({"bn_eps": True}).origin == "default"


@pytest.mark.parametrize("said", ["64", 64.0, -3, None, [64]])
def test_what_the_file_says_wrongly_is_passed_over(said: object) -> None:
    assert SIDE.read({"img_size": said}).origin == "default"


@pytest.mark.parametrize(("text", "value"), [("1e-5", 1e-5), ("0", 0.0), ("1", 1.0)])
def test_numbers_are_read(text: str, value: float) -> None:
    assert EPSILON.read({GIVEN: {"bn_eps": text}}).value == value


@pytest.mark.parametrize(("text", "value"), [("true", True), ("No", False), ("1", True)])
def test_truths_are_read(text: str, value: bool) -> None:
    assert BLUR.read({GIVEN: {"blur": text}}).value is value


@pytest.mark.parametrize(
    ("setting", "text", "advice"),
    [
        (EPSILON, "tiny", "a number from 0 to 1"),
        (EPSILON, "1.5", "a number from 0 to 1"),
        (EPSILON, "nan", "a number from 0 to 1"),
        (SIDE, "2.5", "a whole number from 1"),
        (ACTIVATION, "Relu!", "one of relu, elu"),
        (BLUR, "perhaps", "true or false"),
    ],
)
def test_nonsense_is_refused_with_what_fits(setting: Setting, text: str, advice: str) -> None:
    with pytest.raises(InputError) as caught:
        setting.read({GIVEN: {setting.name: text}})
    assert f"{setting.name}={text}" in caught.value.what
    assert caught.value.fix == f"give {advice}"
