from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import FileError, InputError
from ganplugin.nodes import Context, LoadVideo
from ganplugin.nodes.context import Folders
from tests.film_kit import halves, write_film

pytest.importorskip("av")


class Said:
    """A reporter that keeps messages."""

    def __init__(self):
        self.messages: list[str] = []

    def message(self, text):
        self.messages.append(text)


def count_of(picture: np.ndarray) -> int:
    return round(float(picture[24, 48, 2]) * 255 / 8)


def test_frames_rate_and_sound_come_out(here, context):
    write_film(here / "clip.mp4", [halves(i) for i in range(20)], sound="aac")
    film = LoadVideo(path="clip.mp4").run(context)
    assert (len(film.images), film.fps, film.audio) == (20, 25.0, "clip.mp4")
    assert [count_of(picture) for picture in film.images] == list(range(20))
    assert film.images[3].dtype == np.float32
    assert np.array_equal(film.images.render(5, 9)[2], film.images[7])


def test_a_part_of_a_film_begins_with_its_sound(here, context):
    write_film(here / "clip.mp4", [halves(i) for i in range(20)], sound="aac")
    film = LoadVideo(path="clip.mp4", first=5, last=12, every=3).run(context)
    assert [count_of(picture) for picture in film.images] == [5, 8, 11]
    assert film.fps == pytest.approx(25 / 3)
    assert film.audio == "clip.mp4#t=0.2"
    assert len(LoadVideo(path="clip.mp4", last=500).run(context).images) == 20
    with pytest.raises(InputError, match=r"first: there is no frame from 20 to the end - it has 20 frames, 0 to 19"):
        LoadVideo(path="clip.mp4", first=20).run(context)


def test_a_frame_knows_its_film_and_number(here, context):
    write_film(here / "clip.mp4", [halves(i) for i in range(4)])
    film = LoadVideo(path=str(here / "clip.mp4"), first=1).run(context)
    assert film.audio == ""
    origin = film.images.origin(2)
    assert (origin.index, origin.name, list(origin.inputs)) == (2, "clip-000003", ["clip.mp4"])
    assert origin.recipe == film.images.recipe
    assert dict(origin.recipe.inputs)["path"] == "clip.mp4"


def test_input_folders_are_searched_and_a_missing_film_is_told(here, context, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    write_film(folder / "clip.mkv", [halves(i) for i in range(4)])
    there = Context(device="cpu", folders=Folders(inputs=(folder,)))
    assert dict(LoadVideo(path="clip.mkv").run(there).images.recipe.inputs)["path"] == "clip.mkv"
    with pytest.raises(FileError, match=r"clip\.mkv: there is no such file"):
        LoadVideo(path="clip.mkv").run(context)


def test_what_is_special_about_a_film_is_said(here):
    write_film(here / "a.mkv", [halves(i) for i in range(4)], stamps=[0, 40, 80, 400])
    said = Said()
    LoadVideo(path="a.mkv").run(Context(device="cpu", reporter=said))  # type: ignore[arg-type]
    assert said.messages == ["a.mkv: its frame rate varies, so it is read at a constant 25 a second"]


def test_animations_are_films(here, context):
    frames = [Image.fromarray(halves(i)) for i in range(5)]
    frames[0].save("a.webp", save_all=True, append_images=frames[1:], duration=50, lossless=True)
    film = LoadVideo(path="a.webp").run(context)
    assert film.fps == 20
    assert [count_of(picture) for picture in film.images] == [0, 1, 2, 3, 4]
