from __future__ import annotations

import weakref
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import Cancelled, FileError, GanPluginError, InputError
from ganplugin.images import to_uint8
from ganplugin.nodes import Context, Images, Interpolate, SaveVideo
from ganplugin.sizing import resize
from ganplugin.video import read_video_text
from tests.film_kit import halves, samples, write_film, write_sound
from tests.nodes.kit import load, noise, sequence


def counted(count, chunk):
    """Frames that note how many of them live at once."""
    alive = {"now": 0, "most": 0}

    def frame(index):
        made = np.full((4, 4, 3), (index % 7) / 7, np.float32)
        alive["now"] += 1
        alive["most"] = max(alive.values())
        weakref.finalize(made, lambda: alive.update(now=alive["now"] - 1))
        return made

    plain = sequence([noise(4, 4)])
    images = Images(
        count, lambda start, stop: [frame(i) for i in range(start, stop)], plain.origin, plain.recipe, chunk
    )
    return images, alive


@pytest.mark.parametrize("suffix", ["png", "webp", "gif"])
def test_only_the_frames_at_hand_are_in_memory(here, context, suffix):
    images, alive = counted(300, 8)
    SaveVideo(images=images, path=f"a.{suffix}").run(context)
    assert alive["most"] <= 2 * 8 + 2
    with Image.open(here / f"a.{suffix}") as film:
        assert getattr(film, "n_frames", 1) >= 2


def test_films_loop_with_every_frame_and_carry_their_recipe(models, here, context):
    frames = Interpolate(model=load(models / "full.onnx"), seeds="1,2", frames=12).run(context).images
    assert SaveVideo(images=frames, path="walk.png", fps=12.0, scale=2).run(context).path == "walk.png"
    with Image.open("walk.png") as film:
        assert (film.n_frames, film.size) == (12, (16, 16))
        film.seek(5)
        shown = np.asarray(film.convert("RGB"))
    assert np.array_equal(shown, to_uint8(resize(frames[5], 16, 16)))
    text = read_video_text(here / "walk.png")["ganplugin"]
    assert "GanPluginSaveVideo" in text
    assert str(models) not in text


def test_grey_and_transparent_frames_are_shown_on_white(here, context):
    clear = np.zeros((4, 4, 4), np.float32)
    SaveVideo(images=sequence([clear, clear]), path="a.png").run(context)
    with Image.open("a.png") as film:
        assert np.asarray(film.convert("RGB")).min() == 255
    SaveVideo(images=sequence([noise(4, 4, 1)] * 2), path="b.png").run(context)


def test_refusals_come_before_the_first_frame(here, context):
    images, alive = counted(3, 1)
    (here / "a.webp").write_bytes(b"mine")
    with pytest.raises(FileError, match=r"a\.webp: exists already"):
        SaveVideo(images=images, path="a.webp").run(context)
    with pytest.raises(InputError, match=r"a\.avi: is no film or animation"):
        SaveVideo(images=images, path="a.avi").run(context)
    with pytest.raises(InputError, match="images: there are no frames"):
        SaveVideo(images=sequence([]), path="b.webp").run(context)
    assert alive["most"] == 0
    assert (here / "a.webp").read_bytes() == b"mine"
    SaveVideo(images=images, path="a.webp", overwrite=True).run(context)
    assert (here / "a.webp").read_bytes()[:4] == b"RIFF"


def test_frames_of_different_sizes_are_refused_and_nothing_is_left(here, context):
    with pytest.raises(InputError, match="the pictures differ in size"):
        SaveVideo(images=sequence([noise(4, 4), noise(4, 5)]), path="a.webp").run(context)
    assert list(here.iterdir()) == []


def test_cancelling_leaves_no_part_of_a_film(here):
    asked: list[int] = []

    def cancelled():
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        SaveVideo(images=sequence([noise(4, 4)] * 9), path="a.webp").run(Context(cancelled=cancelled))
    assert list(here.iterdir()) == []


def test_a_film_names_the_ingredients_of_all_its_frames(here, context):
    plain = sequence([noise(4, 4)] * 2)

    def origin(index):
        return replace(plain.origin(index), models={f"m{index}.onnx": "0" * 64}, inputs={f"{index}.png": "1" * 64})

    SaveVideo(images=replace(plain, origin=origin), path="a.webp").run(context)
    text = read_video_text(here / "a.webp")["ganplugin"]
    assert all(name in text for name in ("m0.onnx", "m1.onnx", "0.png", "1.png"))


def test_sound_goes_under_the_frames(here, context):
    pytest.importorskip("av")
    write_sound(here / "tune.mp3", "mp3", 1.0)
    SaveVideo(images=sequence([noise(16, 16)] * 20), path="a.mp4", fps=20.0, audio="tune.mp3").run(context)
    assert samples(here / "a.mp4")[0].startswith("mp3")
    text = read_video_text(here / "a.mp4")["ganplugin"]
    assert "tune.mp3" in text
    assert str(here) not in text


def test_sound_is_refused_before_the_first_frame(here, context):
    pytest.importorskip("av")
    images, alive = counted(3, 1)
    (here / "a.txt").write_text("a text")
    write_film(here / "silent.mp4", [halves(0)] * 3)
    for path, audio, words in (
        ("a.gif", "silent.mp4", "a .gif film: holds no sound"),
        ("a.mp4", "silent.mp4", "silent.mp4: holds no sound"),
        ("a.mp4", "none.mp3", "none.mp3: there is no such file"),
        ("a.mp4", "a.txt", "a.txt: is no film"),
    ):
        with pytest.raises(GanPluginError, match=words):
            SaveVideo(images=images, path=path, audio=audio).destinations(context)
    assert alive["most"] == 0


class Failing:
    """Frames of which one cannot be rendered, until it is mended."""

    def __init__(self):
        self.asked: list[int] = []
        self.broken = True

    def images(self):
        plain = sequence([noise(96, 128, seed=index) for index in range(25)])

        def render(start, stop):
            self.asked.append(start)
            if self.broken and start == 14:
                raise InputError("no paint")
            return plain.render(start, stop)

        return replace(plain, render=render)


def test_a_film_in_parts_goes_on_where_it_stopped(here, context):
    pytest.importorskip("av")
    source = Failing()
    save = SaveVideo(images=source.images(), path="a.mp4", part=6)
    with pytest.raises(InputError, match="no paint"):
        save.run(context)
    assert sorted(path.name for path in here.rglob("*")) == [
        "a.mp4.parts", "film.json", "part-00000.mp4", "part-00001.mp4"]  # fmt: skip
    with pytest.raises(InputError, match="rate was 30 and is 25"):
        SaveVideo(images=source.images(), path="a.mp4", part=6, fps=25.0).run(context)
    source.broken = False
    source.asked.clear()
    save.run(context)
    assert source.asked == [0, *range(12, 25)]  # the first tells the size
    whole = Failing()
    whole.broken = False
    SaveVideo(images=whole.images(), path="b.mp4", part=6).run(context)
    assert (here / "a.mp4").read_bytes() == (here / "b.mp4").read_bytes()
    assert sorted(path.name for path in here.iterdir()) == ["a.mp4", "b.mp4"]


def test_another_film_s_parts_are_thrown_away_on_demand(here, context):
    pytest.importorskip("av")
    with pytest.raises(InputError, match="no paint"):
        SaveVideo(images=Failing().images(), path="a.mp4", part=6).run(context)
    done = SaveVideo(images=sequence([noise(16, 16)] * 9), path="a.mp4", part=6, restart=True).run(context)
    assert done.path == "a.mp4"
    assert [path.name for path in here.iterdir()] == ["a.mp4"]
