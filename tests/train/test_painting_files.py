from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import InputError, TrainingError
from ganplugin.train.painting_files import load_paintings, named


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two paintings, one of them in a folder below, a broken one, and a text."""
    (tmp_path / "old").mkdir()
    for name, side in (("wave, great.png", 30), ("old/night.png", 60)):
        Image.fromarray(np.full((side, side // 2, 3), 90, np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("none")
    return tmp_path


def silent(message: str) -> None:
    raise AssertionError(message)


def test_every_picture_of_a_folder_is_a_painting_named_by_its_file(place: Path) -> None:
    said: list[str] = []
    paintings = load_paintings([place], longest=40, report=said.append)
    assert [painting.name for painting in paintings] == ["night", "wave-great"]
    assert [painting.pixels.shape for painting in paintings] == [(3, 40, 20), (3, 30, 15)]
    assert len(said) == 1
    assert "broken.png" in said[0]


def test_a_named_painting_that_is_broken_is_an_error(place: Path) -> None:
    with pytest.raises(TrainingError, match=r"broken\.png"):
        load_paintings([place / "broken.png"], longest=40, report=silent)


def test_a_folder_of_broken_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(TrainingError, match="no painting that can be read"):
        load_paintings([tmp_path], longest=40, report=lambda message: None)


def test_names_are_given_with_the_file_and_differ(place: Path) -> None:
    night = place / "old/night.png"
    one, other = load_paintings([Path(f"dusk={night}"), night], longest=40, report=silent)
    assert (one.name, other.name) == ("dusk", "night")
    with pytest.raises(InputError, match="two paintings are called 'night'"):
        load_paintings([night, place / "old"], longest=40, report=silent)


@pytest.mark.parametrize(("text", "name"), [("a=b.png", "a"), ("x/y z.png", "y-z"), ("#1: sea,=.png", "#1:-sea,")])
def test_a_name_has_nothing_that_means_more_in_a_list_of_weights(text: str, name: str) -> None:
    assert named(Path(text))[0] == {"#1:-sea,": "1-sea"}.get(name, name)
