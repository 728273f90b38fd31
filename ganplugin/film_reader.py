"""Films read frame by frame at a constant rate, in order or anywhere, few frames in memory whatever the length."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ganplugin.animation_reader import AnimationReader, is_animation
from ganplugin.errors import ImageError
from ganplugin.files import os_errors
from ganplugin.film_files import av_errors, container_of, open_container
from ganplugin.limits import MAX_FRAMES, MAX_PIXELS
from ganplugin.timeline import Timeline, timeline

if TYPE_CHECKING:
    import av

__all__ = ["FilmReader", "open_film"]

Frame = NDArray[np.uint8]

_BT601, _BT709, _BT2020, _FCC, _SMPTE240 = 5, 1, 9, 4, 7
_MATRICES: Final = {1: _BT709, 4: _FCC, 5: _BT601, 6: _BT601, 7: _SMPTE240, 9: _BT2020, 10: _BT2020}
"""swscale's number of each matrix that FFmpeg's ``AVColorSpace`` names."""
_SMALLEST_HD: Final = 720
_LIMITED, _FULL = 1, 2
_HDR_CURVES: Final = (16, 18)  # PQ and HLG


class FilmReader(Protocol):
    """An open film. Its pictures are RGB, upright, with square pixels; safe to use from many threads."""

    @property
    def rate(self) -> Fraction:
        """Frames a second."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""

    @property
    def has_sound(self) -> bool:
        """Whether there is a sound track."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it: a rate that varies, an end that is missing, colours that are not kept."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def frame(self, index: int) -> Frame:
        """Return one frame, uint8 [h, w, 3]; the next one costs one decoding, another place a seek."""


def open_film(path: Path) -> FilmReader:
    """Open MP4, MOV, MKV, WebM, AVI, MPEG-TS (these by PyAV), or an animated GIF, WebP or PNG, whatever its name.

    Raises `FileError` if it cannot be read, `ImageError` if it is no film, is damaged, or holds no frames or too many,
    `DependencyError` without PyAV.
    """
    with os_errors(path), path.open("rb") as stream:
        head = stream.read(512)
    return AnimationReader(path) if is_animation(head) else _Film(path, container_of(head, path))


@dataclass(frozen=True, eq=False)
class _Index:
    """When each frame of a file is shown, and from which of these times decoding can start; in units of ``base``."""

    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    end: int
    missing_seconds: float

    @classmethod
    def of(cls, container: av.container.InputContainer, stream: av.VideoStream) -> _Index:
        """Read through all packets without decoding any."""
        stamps: list[int] = []
        keys: list[int] = []
        end, last_second = 0, 0.0
        base = stream.time_base or Fraction(1)
        for packet in _packets(container):
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is None:
                continue
            until = stamp + (packet.duration or 0)
            last_second = max(last_second, float(until * (packet.time_base or base)))
            if packet.stream.index != stream.index or packet.is_discard:
                continue
            end = max(end, until)
            stamps.append(stamp)
            keys += [stamp] if packet.is_keyframe else []
            if len(stamps) > MAX_FRAMES:
                raise ImageError(f"has more than {MAX_FRAMES:,} frames", where=container.name, fix="cut it in parts")
        promised = (container.duration or 0) / 1_000_000 + (container.start_time or 0) / 1_000_000
        return cls(np.unique(np.array(stamps, np.int64)), np.unique(np.array(keys, np.int64)), end,
                   promised - last_second)  # fmt: skip


def _packets(container: av.container.InputContainer) -> Iterator[av.Packet[Any]]:
    """Yield what packets there are; those behind a damage are not."""
    import av

    with contextlib.suppress(av.error.InvalidDataError):
        yield from container.demux()


class _Film:
    """A film by PyAV."""

    def __init__(self, path: Path, container_format: str) -> None:
        self._path, self._lock = path, threading.RLock()
        stack = contextlib.ExitStack()
        self._close = weakref.finalize(self, stack.close)
        with os_errors(path), av_errors(path):
            stream: BinaryIO = stack.enter_context(path.open("rb"))
            self._container = stack.enter_context(open_container(stream, container_format))
            self._stream = self._picture_stream()
            self.has_sound = bool(self._container.streams.audio)
            self._index = _Index.of(self._container, self._stream)
            if not len(self._index.stamps):
                raise ImageError("holds no frames: it is damaged or cut short", where=path)
            self._last: av.VideoFrame | None = None
            self._frames: Iterator[av.VideoFrame] = iter(())
            first = self._decoded(int(self._index.stamps[0]))
        self._line = self._timeline()
        self.size = _upright_size(first)
        self.notes = tuple(self._notes(first))

    def _picture_stream(self) -> av.VideoStream:
        found: av.VideoStream | None = next(
            (stream for stream in self._container.streams.video if not _is_cover(stream)), None
        )
        if found is None:
            raise ImageError("holds no moving pictures", where=self._path, fix="name a film, not a sound file")
        if found.codec_context is None:
            raise ImageError("is in a codec that is not known here, or is damaged", where=self._path)
        if found.codec_context.width * found.codec_context.height > MAX_PIXELS:
            raise ImageError(f"has frames of more than {MAX_PIXELS // 10**6} million pixels", where=self._path)
        found.thread_type = "AUTO"
        return found

    def _timeline(self) -> Timeline:
        base, hint = self._stream.time_base or Fraction(1), self._stream.average_rate or None
        line = timeline(self._index.stamps, self._index.end, base, hint=hint)
        if len(line.positions) > MAX_FRAMES:
            raise ImageError(f"has more than {MAX_FRAMES:,} frames", where=self._path, fix="cut it in parts")
        return line

    def _notes(self, first: av.VideoFrame) -> Iterator[str]:
        name = self._path.name
        if self._line.varies:
            yield f"{name}: its frame rate varies, so it is read at a constant {float(self._line.rate):.6g} a second"
        if self._index.missing_seconds > 0.5:
            found = len(self) / float(self._line.rate)
            yield f"{name}: is cut short; {len(self)} frames ({found:.1f} s) are there, and the last " \
                  f"{self._index.missing_seconds:.1f} s are missing"  # fmt: skip
        if getattr(first, "color_trc", 0) in _HDR_CURVES:
            yield f"{name}: is HDR; its colours are read as they stand, paler than on an HDR screen"

    @property
    def rate(self) -> Fraction:
        """Frames a second."""
        return self._line.rate

    def __len__(self) -> int:
        return len(self._line.positions)

    def frame(self, index: int) -> Frame:
        """Return one frame, uint8 [h, w, 3]. Raises `ImageError`, naming the frame, if it cannot be decoded."""
        stamp = int(self._index.stamps[self._line.positions[index]])
        try:
            with self._lock, os_errors(self._path), av_errors(self._path):
                return _rgb(self._decoded(stamp), self.size)
        except ImageError as error:
            raise ImageError(
                f"frame {index} of {len(self)} cannot be decoded: the film is damaged",
                where=self._path,
                fix=f"end before it with last = {index - 1}" if index else "get it again",
            ) from error

    def _decoded(self, stamp: int) -> av.VideoFrame:
        """Go on to the frame of a time, or decode from a key frame before it: an earlier one if that gives it not."""
        if self._last is not None and self._last.pts == stamp:
            return self._last
        starts = self._index.keys[self._index.keys <= stamp][::-1]
        found = self._forward(stamp) if self._is_on_the_way(stamp, starts) else None
        if found is not None:
            return found
        for start in (*map(int, starts[:2]), int(self._index.stamps[0])):
            self._seek(start)
            found = self._forward(stamp)
            if found is not None:
                return found
        raise ImageError("holds a frame that cannot be decoded", where=self._path)

    def _is_on_the_way(self, stamp: int, starts: NDArray[np.int64]) -> bool:
        """Tell whether going on from here reaches a frame without passing a key frame to start from."""
        here = None if self._last is None else self._last.pts
        return here is not None and here < stamp and (not len(starts) or int(starts[0]) <= here)

    def _seek(self, stamp: int) -> None:
        self._last = None
        self._container.seek(stamp, stream=self._stream, backward=True)
        self._frames = self._container.decode(self._stream)

    def _forward(self, stamp: int) -> av.VideoFrame | None:
        for frame in self._frames:
            self._last = frame
            if frame.pts is not None and frame.pts >= stamp:
                return frame if frame.pts == stamp else None
        self._last = None
        return None


def _is_cover(stream: av.VideoStream) -> bool:
    """Tell the picture of an album, which music files carry, from a film."""
    return "attached_pic" in str(getattr(stream.disposition, "name", "")).lower()


def _quarter_turns(frame: av.VideoFrame) -> int:
    return round(getattr(frame, "rotation", 0) / 90) % 4


def _upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Return height and width as a player shows them: turned as the camera was held, with square pixels."""
    height, width = frame.height, _square_width(frame)
    return (width, height) if _quarter_turns(frame) % 2 else (height, width)


def _square_width(frame: av.VideoFrame) -> int:
    aspect = getattr(frame, "sample_aspect_ratio", None) or Fraction(1)
    return max(1, round(frame.width * aspect)) if Fraction(1, 10) < aspect < 10 else frame.width


def _rgb(frame: av.VideoFrame, size: tuple[int, int]) -> Frame:
    """Return a decoded frame as RGB: by the matrix and range that the film names, else by those of its size."""
    guess = _BT709 if frame.height >= _SMALLEST_HD else _BT601
    full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
    turns = _quarter_turns(frame)
    height, width = size if turns % 2 == 0 else size[::-1]
    picture = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=_MATRICES.get(frame.colorspace, guess),
        dst_colorspace=_BT709,
        src_color_range=_FULL if full else _LIMITED,
        dst_color_range=_FULL,
        interpolation="BICUBIC",
    )
    return np.ascontiguousarray(np.rot90(picture.to_ndarray(), turns))
