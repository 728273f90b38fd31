"""The sound of one film or sound file put under another film: copied where the container takes it, else encoded."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ganplugin.errors import ImageError, InputError
from ganplugin.files import os_errors
from ganplugin.film_files import av_errors, container_of, open_container

if TYPE_CHECKING:
    import av

    AudioPacket = av.Packet[av.AudioStream]

__all__ = ["Sound", "Soundtrack", "check_sound"]

_COPIED: Final = {
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac"}),
    ".mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"}),
    ".mkv": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "vorbis", "flac", "pcm_s16le", "pcm_s24le"}),
    ".webm": frozenset({"opus", "vorbis"}),
}
"""What a film of each suffix holds as it is, in players too."""

_OPUS_RATE: Final = 48_000
_AAC_RATES: Final = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
_PRIMING: Final = 0.1  # seconds of run-in before the first sample that an encoder asks its decoder to drop


@dataclass(frozen=True)
class Sound:
    """A film or sound file whose sound is wanted, from second ``start`` on."""

    path: Path
    start: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Sound:
        """Read ``film.mp4``, or ``film.mp4#t=12.5`` for the sound from that second on (W3C media fragments)."""
        match = re.fullmatch(r"(.+)#t=(\d+(?:\.\d+)?)", text, re.DOTALL)
        return cls(Path(match[1]), float(match[2])) if match else cls(Path(text))

    def named(self, name: str) -> str:
        """Return the text of this sound in a file of another name, as `parse` reads it."""
        return f"{name}#t={self.start:.9g}" if self.start else name


class Soundtrack:
    """Sound on its way into a film that is being written; a few packets are in memory at once.

    Raises `FileError` if the file cannot be read, `ImageError` if it holds no sound or is damaged, `InputError` if the
    film's format holds none.
    """

    def __init__(
        self, sound: Sound, film: av.container.OutputContainer, suffix: str, cleanup: contextlib.ExitStack
    ) -> None:
        self._path, self._film = sound.path, film
        with os_errors(sound.path), av_errors(sound.path):
            stream = cleanup.enter_context(sound.path.open("rb"))
            head = stream.read(512)
            stream.seek(0)
            source = cleanup.enter_context(open_container(stream, container_of(head, sound.path)))
            track = _track(source, sound.path)
            zero = _beginning(source) + Fraction(sound.start).limit_denominator(10**6)
            copied = track.codec_context.name.partition("float")[0] in _COPIED[suffix]
            put = _copied if copied else _encoded
            earliest = -_PRIMING if not sound.start and _skips_priming(suffix, track) else 0.0
            self._packets = _paced(put(source, track, film, suffix), zero, earliest)
            self._next = next(self._packets, None)

    def write_until(self, seconds: float) -> None:
        """Write what begins before this second of the film."""
        with os_errors(self._path), av_errors(self._path):
            while self._next is not None and self._next[0] < seconds:
                self._film.mux(self._next[1])
                self._next = next(self._packets, None)


def check_sound(sound: Sound, suffix: str) -> None:
    """Raise `InputError` if films of this suffix hold no sound, `FileError` or `ImageError` if the file has none."""
    if suffix.lower() not in _COPIED:
        raise InputError("holds no sound", where=f"a {suffix} film", fix="write .mp4, or leave audio out")
    with os_errors(sound.path), sound.path.open("rb") as stream:
        head = stream.read(512)
        stream.seek(0)
        with av_errors(sound.path), open_container(stream, container_of(head, sound.path)) as source:
            _track(source, sound.path)


def _track(source: av.container.InputContainer, path: Path) -> av.AudioStream:
    found = next((stream for stream in source.streams.audio if stream.codec_context is not None), None)
    if found is None:
        raise ImageError("holds no sound", where=path, fix="leave audio out")
    return found


def _beginning(source: av.container.InputContainer) -> Fraction:
    """Return the second at which the first picture is shown, which is where a film begins; else the first sound."""
    streams = source.streams.video or source.streams.audio
    start, base = streams[0].start_time, streams[0].time_base
    return Fraction(start or 0) * (base or 1)


def _skips_priming(suffix: str, track: av.AudioStream) -> bool:
    """Tell whether players leave out what lies before the beginning; Matroska would delay the pictures for it."""
    return suffix in (".mp4", ".mov") or track.codec_context.name in ("opus", "libopus")


def _paced(packets: Iterator[AudioPacket], zero: Fraction, earliest: float) -> Iterator[tuple[float, AudioPacket]]:
    """Yield packets with the second at which each begins, counted from ``zero``; none from before ``earliest``."""
    for packet in packets:
        base = packet.time_base or Fraction(1)
        shift = round(zero / base)
        packet.pts = packet.dts = (packet.pts or 0) - shift
        second = float(packet.pts * base)
        if second >= earliest:
            yield second, packet


def _copied(
    source: av.container.InputContainer, track: av.AudioStream, film: av.container.OutputContainer, suffix: str
) -> Iterator[AudioPacket]:
    stream = film.add_stream_from_template(track)

    def packets() -> Iterator[AudioPacket]:
        for packet in source.demux(track):
            if packet.pts is not None and packet.size:
                packet.stream = stream
                yield packet

    return packets()


def _encoded(
    source: av.container.InputContainer, track: av.AudioStream, film: av.container.OutputContainer, suffix: str
) -> Iterator[AudioPacket]:
    import av

    opus = suffix == ".webm"
    rate = _OPUS_RATE if opus or track.rate not in _AAC_RATES else track.rate
    stream = film.add_stream("libopus" if opus else "aac", rate=rate)
    stream.bit_rate = 160_000
    layout = "mono" if track.codec_context.channels == 1 else "stereo"
    stream.codec_context.layout = layout
    resampler = av.AudioResampler(stream.codec_context.format or "fltp", layout, rate)

    def packets() -> Iterator[AudioPacket]:
        for frame in source.decode(track):
            for part in resampler.resample(frame):
                yield from stream.encode(part)
        for part in resampler.resample(None):
            yield from stream.encode(part)
        yield from stream.encode(None)

    return packets()
