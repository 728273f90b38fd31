from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from ganplugin.errors import FileError, InputError
from ganplugin.film_parts import FilmParts
from ganplugin.film_reader import open_film
from ganplugin.soundtrack import Sound
from tests.film_kit import halves, write_sound

av = pytest.importorskip("av")


def parts_of(path, **changes) -> FilmParts:
    plan = FilmParts(path, (96, 128), Fraction(30000, 1001), 50, 16, {"models": {"a": "1"}, "strength": 0.5})
    return replace(plan, **changes)


def write(parts: FilmParts, numbers) -> None:
    for number in numbers:
        parts.write(number, (halves(index, 96, 128) for index in range(*parts.span(number))))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_joined_parts_are_one_film_in_the_right_order_and_time(suffix, tmp_path):
    parts = parts_of(tmp_path / f"a{suffix}")
    write(parts, parts.begin(restart=False))
    parts.join({"a": "b"}, None, overwrite=False)
    reader = open_film(parts.path)
    assert (len(reader), reader.rate, reader.notes) == (50, Fraction(30000, 1001), ())
    for index in (0, 15, 16, 17, 31, 32, 47, 48, 49):
        assert np.abs(reader.frame(index)[48, 96].astype(int) - halves(index)[24, 48]).max() <= 6
    assert list(tmp_path.iterdir()) == [parts.path]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_film_that_was_stopped_has_the_bytes_of_one_that_was_not(suffix, tmp_path):
    sound = Sound(write_sound(tmp_path / "a.mkv", "flac", 2.0))
    whole = parts_of(tmp_path / f"whole{suffix}")
    write(whole, whole.begin(restart=False))
    whole.join({"a": "b"}, sound, overwrite=False)
    stopped = parts_of(tmp_path / f"stopped{suffix}")
    write(stopped, stopped.begin(restart=False)[:2])
    (stopped.folder / f".part-00002{suffix}.0123456789ab.part").write_bytes(b"torn")
    again = parts_of(tmp_path / f"stopped{suffix}")
    missing = again.begin(restart=False)
    assert missing == (2, 3)
    write(again, missing)
    again.join({"a": "b"}, sound, overwrite=False)
    assert again.path.read_bytes() == whole.path.read_bytes()
    assert not again.folder.exists()


def test_a_change_is_refused_by_name_or_begun_anew(tmp_path):
    parts = parts_of(tmp_path / "a.mp4")
    write(parts, parts.begin(restart=False)[:1])
    for change, words in (
        ({"recipe": {"models": {"a": "2"}, "strength": 0.5}}, "models.a was 1 and is 2"),
        ({"recipe": {"models": {"a": "1"}, "strength": 0.75}}, "strength was 0.5 and is 0.75"),
        ({"frames": 51}, "frames was 50 and is 51"),
        ({"size": (96, 130)}, r"size was \[96, 128\] and is \[96, 130\]"),
    ):
        with pytest.raises(InputError, match=words):
            replace(parts, **change).begin(restart=False)
    assert parts.begin(restart=False) == (1, 2, 3)
    assert replace(parts, frames=51).begin(restart=True) == (0, 1, 2, 3)
    (parts.folder / "film.json").write_text("{torn")
    with pytest.raises(InputError, match="holds parts of another film"):
        parts.begin(restart=False)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    parts = parts_of(tmp_path / "a.mp4")
    parts.folder.mkdir()
    (parts.folder / "mine.txt").write_text("mine")
    for restart in (False, True):
        with pytest.raises(InputError, match=r"a\.mp4\.parts: holds other files"):
            parts.begin(restart=restart)
    assert (parts.folder / "mine.txt").read_text() == "mine"


def test_the_film_is_not_written_over_another(tmp_path):
    parts = parts_of(tmp_path / "a.mp4")
    write(parts, parts.begin(restart=False))
    parts.path.write_bytes(b"mine")
    with pytest.raises(FileError, match="exists already"):
        parts.join({}, None, overwrite=False)
    assert parts.path.read_bytes() == b"mine"
    assert json.loads((parts.folder / "film.json").read_text())["frames"] == 50
    parts.join({}, None, overwrite=True)
    assert len(open_film(parts.path)) == 50
