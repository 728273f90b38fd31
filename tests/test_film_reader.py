from __future__ import annotations

import gc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import DependencyError, FileError, ImageError
from ganplugin.film_reader import open_film
from ganplugin.video import VIDEO_SUFFIXES, VideoWriter
from tests.film_kit import BLUE, GREEN, RED, halves, plain, turned, write_film, write_sound

pytest.importorskip("av")


def off(found: np.ndarray, wanted: np.ndarray) -> int:
    """The largest difference in levels at the middles of the halves, away from what chroma blurs."""
    rows, columns = found.shape[0] // 2, [found.shape[1] // 4, found.shape[1] * 3 // 4]
    return int(np.abs(found[rows, columns].astype(int) - wanted[rows, columns]).max())


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_what_is_written_is_read_again_in_any_order(suffix, tmp_path):
    with VideoWriter(tmp_path / f"a{suffix}", 64, 48, 29.97, {}) as film:
        for index in range(30):
            film.add(halves(index))
    reader = open_film(tmp_path / f"a{suffix}")
    assert (len(reader), reader.size, reader.notes, reader.has_sound) == (30, (48, 64), (), False)
    assert float(reader.rate) == pytest.approx(29.97, rel=2e-4)
    for index in (*range(30), 3, 4, 29, 0, 17, 16, 16, 28):
        assert off(reader.frame(index), halves(index)) <= 5, index


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mjpeg"])
def test_frames_between_key_frames_are_the_same_from_anywhere(codec, tmp_path):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {"g": "12", "bf": "2"} if codec != "mjpeg" else {}
    path = write_film(tmp_path / "a.mkv", [halves(i) for i in range(40)], codec=codec, pixels=pixels, **options)
    reader = open_film(path)
    straight = [reader.frame(index) for index in range(40)]
    assert len(straight) == len(reader) == 40
    for index in (39, 11, 12, 13, 0, 30, 5):
        assert np.array_equal(open_film(path).frame(index), straight[index])
        assert np.array_equal(reader.frame(index), straight[index])


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_colours_follow_the_matrix_and_range_of_the_film(matrix, full, pixels, tmp_path):
    for number, colour in enumerate((RED, GREEN, BLUE)):
        path = write_film(
            tmp_path / f"{number}.mp4", [plain(colour)] * 3, matrix=matrix, full_range=full, pixels=pixels, crf="5"
        )
        found = open_film(path).frame(1)
        assert found.dtype == np.uint8
        assert np.abs(found.astype(int) - colour).max() <= 4, colour


def test_a_film_that_names_no_matrix_has_that_of_its_size(tmp_path):
    small = open_film(write_film(tmp_path / "a.mkv", [plain(RED)] * 2, matrix=6, codec="ffv1")).frame(0)
    assert np.abs(small.astype(int) - RED).max() <= 3


def test_films_held_upright_come_upright(tmp_path):
    reader = open_film(turned(write_film(tmp_path / "a.mp4", [halves(3)] * 2)))
    assert reader.size == (64, 48)
    frame = reader.frame(0)
    assert frame.shape == (64, 48, 3)
    assert np.abs(frame[10, 24].astype(int) - (20, 180, 90)).max() <= 6  # the left half is above
    assert np.abs(frame[54, 24].astype(int) - halves(3)[0, 60]).max() <= 6


def test_odd_sizes_are_read(tmp_path):
    path = write_film(tmp_path / "a.mkv", [halves(i, 37, 51) for i in range(3)], pixels="yuv444p", codec="libx264")
    reader = open_film(path)
    assert reader.size == (37, 51)
    assert off(reader.frame(2), halves(2, 37, 51)) <= 5


def test_a_rate_that_varies_becomes_constant_and_is_told(tmp_path):
    times = [0, 40, 80, 240, 280, 320]
    reader = open_film(write_film(tmp_path / "a.mkv", [halves(4 * i) for i in range(6)], stamps=times))
    assert reader.rate == 25
    shown = [round(float(reader.frame(i)[24, 48, 2]) / 32) for i in range(len(reader))]
    assert shown[:9] == [0, 1, 2, 2, 2, 2, 3, 4, 5]
    assert reader.notes == ("a.mkv: its frame rate varies, so it is read at a constant 25 a second",)


def test_a_film_cut_short_says_what_is_there(tmp_path):
    frames = [np.random.RandomState(i).randint(0, 255, (48, 64, 3)).astype(np.uint8) for i in range(60)]
    path = write_film(tmp_path / "a.mkv", frames, g="5")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    reader = open_film(path)
    assert 25 <= len(reader) < 50
    assert "is cut short" in reader.notes[0]
    assert f"{len(reader)} frames" in reader.notes[0]
    assert reader.frame(len(reader) - 2).shape == (48, 64, 3)


def test_other_files_are_refused_in_words(tmp_path):
    with pytest.raises(FileError, match=r"none\.mp4: no such file"):
        open_film(tmp_path / "none.mp4")
    for name, content in (("a.mp4", b""), ("b.mp4", b"hello there, this is text"), ("c.mp4", b"#EXTM3U\nfile:///etc")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError, match=f"{name}: is no film"):
            open_film(tmp_path / name)
    whole = write_film(tmp_path / "whole.mp4", [halves(i) for i in range(9)]).read_bytes()
    (tmp_path / "d.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match=r"d\.mp4: is damaged or cut short"):
        open_film(tmp_path / "d.mp4")
    with pytest.raises(ImageError, match="holds no moving pictures"):
        open_film(write_sound(tmp_path / "e.mkv", "flac", 0.2))


def test_damaged_films_end_in_words_or_pictures(tmp_path):
    whole = write_film(tmp_path / "a.mkv", [halves(i) for i in range(12)]).read_bytes()
    random = np.random.RandomState(0)
    for _ in range(40):
        data = bytearray(whole)
        for at in random.randint(0, len(data), 30):
            data[at] = random.randint(256)
        (tmp_path / "b.mkv").write_bytes(data)
        try:
            reader = open_film(tmp_path / "b.mkv")
            for index in range(len(reader)):
                assert reader.frame(index).dtype == np.uint8
        except ImageError as error:
            assert "b.mkv" in str(error)


def test_animations_without_pyav_and_films_that_need_it(tmp_path, monkeypatch):
    film = write_film(tmp_path / "a.mp4", [halves(0)] * 2)
    Image.fromarray(halves(0)).save(
        tmp_path / "a.gif", save_all=True, append_images=[Image.fromarray(halves(9))], duration=[100, 100]
    )
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    assert (len(open_film(tmp_path / "a.gif")), float(open_film(tmp_path / "a.gif").rate)) == (2, 10.0)
    with pytest.raises(DependencyError, match=r"pip install \"ganplugin\[video\]\""):
        open_film(film)


def test_transparent_animations_lie_on_white(tmp_path):
    frames = [Image.new("RGBA", (8, 8), (0, 0, 0, 0)), Image.new("RGBA", (8, 8), (255, 0, 0, 255))]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=[40, 200], lossless=True)
    reader = open_film(tmp_path / "a.webp")
    assert reader.frame(0).min() == 255
    assert reader.frame(len(reader) - 1)[0, 0].tolist() == [255, 0, 0]


def test_a_reader_that_is_dropped_closes_its_file(tmp_path):
    path: Path = write_film(tmp_path / "a.mp4", [halves(0)] * 2)
    reader = open_film(path)
    assert reader.rate == Fraction(25)
    del reader
    gc.collect()  # an open file would warn, and a warning is an error
