"""Small films that the tests make: known colours, known times, a sine for sound."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

RED, GREEN, BLUE = (220, 40, 30), (30, 180, 60), (40, 60, 200)


def halves(index: int, height: int = 48, width: int = 64) -> Frame:
    """A green left half and a right half whose blue counts the frames."""
    pixels = np.full((height, width, 3), (230, 60, 8 * index % 256), np.uint8)
    pixels[:, : width // 2] = (20, 180, 90)
    return pixels


def plain(colour: Sequence[int], height: int = 48, width: int = 64) -> Frame:
    return np.full((height, width, 3), colour, np.uint8)


def write_film(
    path: Path,
    frames: Sequence[Frame],
    *,
    rate: Fraction | int = 25,
    stamps: Sequence[int] | None = None,
    sound: str = "",
    codec: str = "libx264",
    pixels: str = "yuv420p",
    matrix: int = 1,
    full_range: bool = False,
    **options: str,
) -> Path:
    """Write a film by PyAV: ``stamps`` are the frames' times in milliseconds, ``sound`` the codec of a sine."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as film:
        video = film.add_stream(codec, rate=rate, options=options)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        context = video.codec_context
        context.colorspace, context.color_range = matrix, 2 if full_range else 1
        if stamps is not None:
            context.time_base = Fraction(1, 1000)
        audio = _sine_stream(film, sound) if sound else None
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
                format=pixels, dst_colorspace={1: 1, 6: 5}[matrix], dst_color_range=2 if full_range else 1
            )
            if stamps is not None:
                picture.pts, picture.time_base = stamps[index], Fraction(1, 1000)
            film.mux(video.encode(picture))
        film.mux(video.encode(None))
        if audio is not None:
            _write_sine(film, audio, len(frames) / float(rate))
    return path


def _sine_stream(film: Any, codec: str) -> Any:
    audio = film.add_stream(codec, rate=48_000)
    audio.layout = "mono"
    return audio


def _write_sine(film: Any, audio: Any, seconds: float) -> None:
    av = pytest.importorskip("av")
    wave = sine(seconds)
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.rate, frame.pts = 48_000, 0
    resampler = av.AudioResampler(audio.codec_context.format, "mono", 48_000)
    for part in (*resampler.resample(frame), *resampler.resample(None)):
        film.mux(audio.encode(part))
    film.mux(audio.encode(None))


def sine(seconds: float) -> NDArray[np.float32]:
    """A tone that rises, so that a shift of it shows."""
    times = np.arange(round(seconds * 48_000)) / 48_000
    return (np.sin(2 * np.pi * (300 + 200 * times) * times) * 0.4).astype(np.float32)


def write_sound(path: Path, codec: str, seconds: float) -> Path:
    """Write a sound file of a sine."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as film:
        _write_sine(film, _sine_stream(film, codec), seconds)
    return path


def samples(path: Path) -> tuple[str, NDArray[np.float32]]:
    """Return the codec and the samples of a film's sound."""
    av = pytest.importorskip("av")
    with av.open(str(path)) as film:
        found = []
        for frame in film.decode(audio=0):
            wave = frame.to_ndarray().astype(np.float64)
            if frame.format.name.startswith("s16"):
                wave /= 2**15
            channels = len(frame.layout.channels)
            found.append(wave[0] if frame.format.is_planar else wave.reshape(-1, channels)[:, 0])
        return film.streams.audio[0].codec_context.name, np.concatenate(found).astype(np.float32)


def turned(path: Path) -> Path:
    """Say in an MP4's track header that the film is to be shown a quarter turn clockwise, as phones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 36
    one, minus = (1 << 16).to_bytes(4, "big"), (-1 << 16).to_bytes(4, "big", signed=True)
    data[at : at + 20] = bytes(4) + one + bytes(4) + minus + bytes(4)
    path.write_bytes(data)
    return path
