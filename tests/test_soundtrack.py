from __future__ import annotations

import numpy as np
import pytest

from ganplugin.errors import FileError, ImageError, InputError
from ganplugin.film_reader import open_film
from ganplugin.soundtrack import Sound, check_sound
from ganplugin.video import VideoWriter
from tests.film_kit import halves, samples, sine, write_film, write_sound

av = pytest.importorskip("av")


def filmed(path, sound: Sound, frames: int = 50):
    with VideoWriter(path, 128, 96, 25, {"a": "b"}, sound=sound) as film:
        for index in range(frames):
            film.add(halves(index, 96, 128))
    return path


def packets(path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(audio=0) if packet.size]


def lag(found: np.ndarray, wanted: np.ndarray) -> int:
    """By how many samples a sound comes late."""
    size = 1 << 18
    spectrum = np.fft.rfft(found[:96_000], size) * np.conj(np.fft.rfft(wanted[:96_000], size))
    shift = int(np.argmax(np.fft.irfft(spectrum)))
    return shift if shift < size // 2 else shift - size


@pytest.mark.parametrize(
    ("codec", "source", "target"),
    [
        ("aac", ".mp4", ".mp4"),
        ("aac", ".mp4", ".mov"),
        ("flac", ".mkv", ".mkv"),
        ("libopus", ".mkv", ".webm"),
        ("mp3", ".mkv", ".mp4"),
    ],
)
def test_sound_that_the_film_can_hold_is_copied_packet_by_packet(codec, source, target, tmp_path):
    given = write_film(tmp_path / f"a{source}", [halves(i) for i in range(50)], sound=codec)
    film = filmed(tmp_path / f"b{target}", Sound(given))
    assert packets(film) == [packet for packet in packets(given) if packet in set(packets(film))]
    assert len(packets(film)) >= len(packets(given)) - 2
    assert abs(lag(samples(film)[1], samples(given)[1])) <= 1200


@pytest.mark.parametrize(
    ("codec", "source", "target", "becomes"),
    [
        ("flac", ".mkv", ".mp4", "aac"),
        ("aac", ".mp4", ".webm", "opus"),
        ("libopus", ".mkv", ".mov", "aac"),
        ("pcm_s16le", ".mkv", ".mp4", "aac"),
    ],
)
def test_other_sound_is_encoded_in_step(codec, source, target, becomes, tmp_path):
    given = write_film(tmp_path / f"a{source}", [halves(i) for i in range(50)], sound=codec)
    film = filmed(tmp_path / f"b{target}", Sound(given))
    name, found = samples(film)
    assert name in (becomes, f"lib{becomes}")
    assert abs(lag(found, sine(2.0))) <= 1200  # 25 milliseconds: a player takes a codec's run-in away
    assert 1.9 < len(found) / 48_000 < 2.1


def test_sound_ends_with_the_film_and_may_begin_later(tmp_path):
    given = write_sound(tmp_path / "a.mkv", "flac", 4.0)
    short = samples(filmed(tmp_path / "b.mkv", Sound(given), frames=25))[1]
    assert 1.0 <= len(short) / 48_000 < 1.15
    late = samples(filmed(tmp_path / "c.mkv", Sound(given, start=2.0), frames=25))[1]
    assert abs(lag(late, sine(4.0)[96_000:])) <= 4800  # flac's packets are 96 milliseconds long


def test_a_film_is_as_long_as_its_frames_if_the_sound_is_shorter(tmp_path):
    given = write_sound(tmp_path / "a.mp3", "mp3", 0.5)
    reader = open_film(filmed(tmp_path / "b.mp4", Sound(given)))
    assert (len(reader), float(reader.rate), reader.has_sound) == (50, 25.0, True)


def test_equal_films_with_sound_have_equal_bytes(tmp_path):
    given = write_sound(tmp_path / "a.mkv", "flac", 2.0)
    one, two = (filmed(tmp_path / name, Sound(given)) for name in ("b.mp4", "c.mp4"))
    assert one.read_bytes() == two.read_bytes()


def test_what_is_no_sound_is_refused_and_leaves_nothing(tmp_path):
    silent = write_film(tmp_path / "a.mp4", [halves(0)] * 3)
    with pytest.raises(ImageError, match=r"a\.mp4: holds no sound"):
        filmed(tmp_path / "b.mp4", Sound(silent))
    with pytest.raises(FileError, match=r"none\.mp3"):
        filmed(tmp_path / "b.mp4", Sound(tmp_path / "none.mp3"))
    (tmp_path / "text.mp3").write_text("a text, not a sound")
    with pytest.raises(ImageError, match=r"text\.mp3: is no film"):
        check_sound(Sound(tmp_path / "text.mp3"), ".mp4")
    with pytest.raises(InputError, match=r"\.gif film: holds no sound"):
        check_sound(Sound(silent), ".gif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "text.mp3"]


def test_a_sound_is_named_with_its_beginning():
    sound = Sound.parse("a #t=film.mp4#t=12.5")
    assert (str(sound.path), sound.start) == ("a #t=film.mp4", 12.5)
    assert sound.named("b.mp4") == "b.mp4#t=12.5"
    assert Sound.parse("b#t=x.mp4") == Sound.parse("b#t=x.mp4")
    assert Sound.parse("b#t=x.mp4").start == 0
