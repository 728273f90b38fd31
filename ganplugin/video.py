"""Films written frame by frame, whole or not at all: MP4, MOV, MKV and WebM through PyAV, and animated pictures."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from ganplugin.animation import ANIMATIONS, Frame, FrameWriter
from ganplugin.errors import ImageError, InputError
from ganplugin.files import atomic_write, os_errors
from ganplugin.film_files import require_av
from ganplugin.images import read_text
from ganplugin.picture_text import json_text
from ganplugin.soundtrack import Sound, Soundtrack

if TYPE_CHECKING:
    import av

__all__ = [
    "FILM_SUFFIXES",
    "VIDEO_SUFFIXES",
    "VideoWriter",
    "best_suffix",
    "check_film",
    "film_container",
    "film_errors",
    "frame_rate",
    "is_film",
    "read_video_text",
]

FILM_SUFFIXES: Final = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""Suffixes that need PyAV, and FFmpeg's names of their containers."""

VIDEO_SUFFIXES: Final = (*FILM_SUFFIXES, *ANIMATIONS)
"""Every suffix that `VideoWriter` takes."""

# x264's macroblock tree, in its AVX-512 code, gives a film other bytes now and then (one in 500 of 64 x 48 pixels).
_X264: Final = ("libx264", {"crf": "18", "preset": "veryfast", "x264-params": "mbtree=0"})
_VP9: Final = ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"})
_BT709: Final = 1
_BITEXACT: Final = 0x0400  # FFmpeg's AVFMT_FLAG_BITEXACT
_LIMITED_RANGE: Final = 1


class VideoWriter:
    """A context manager that takes frames and leaves a whole film, or nothing if it is left by an exception.

    ``.mp4 .mov .mkv`` hold H.264 (crf 18), ``.webm`` VP9, both 4:2:0 in BT.709, odd sizes padded by one repeated row or
    column; these need the ``video`` extra. ``.webp .gif .png`` are animated pictures. No more than a few frames are
    ever in memory. ``fps`` is frames a second, above 0 and up to 240. ``text`` is stored in the file for
    `read_video_text`. ``sound`` goes under films (not animations), for as long as there are frames.
    Raises `InputError` for another suffix, rate or size, `DependencyError` without PyAV, `FileError` as
    `ganplugin.files.atomic_write` does, `ImageError` if no frame came.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: float,
        text: Mapping[str, str],
        overwrite: bool = False,
        sound: Sound | None = None,
    ) -> None:
        check_film(path)
        if not (math.isfinite(fps) and 0 < fps <= 240):
            raise InputError(f"{fps} is not above 0 and up to 240", where="fps")
        if width < 1 or height < 1:
            raise InputError(f"a film cannot be {width} x {height} pixels")
        self._path, self._shape, self._overwrite = path, (height, width, 3), overwrite
        self._fps, self._text, self._sound = frame_rate(fps), dict(text), sound
        self._cleanup = contextlib.ExitStack()
        self._writer: FrameWriter | None = None
        self._frames = 0

    def __enter__(self) -> VideoWriter:
        """Open a temporary file beside ``path``."""
        with contextlib.ExitStack() as opening:
            part = opening.enter_context(atomic_write(self._path, overwrite=self._overwrite))
            self._writer = self._open(part, opening)
            self._cleanup = opening.pop_all()
        return self

    def _open(self, part: Path, cleanup: contextlib.ExitStack) -> FrameWriter:
        height, width, _ = self._shape
        suffix = self._path.suffix.lower()
        if suffix in FILM_SUFFIXES:
            film = _Film(part, suffix, (height, width), self._fps, self._text, cleanup)
            return film if self._sound is None else film.with_sound(self._sound, suffix, cleanup)
        stream = cleanup.enter_context(part.open("wb"))
        return ANIMATIONS[suffix](stream, width, height, self._fps, self._text)

    def add(self, frame: Frame) -> None:
        """Encode the next frame, uint8 [h, w, 3]. Raises `ImageError` for another type or shape."""
        if self._writer is None:
            raise InputError("frames can only be added inside the `with` block", where=self._path)
        if frame.dtype != np.uint8 or frame.shape != self._shape:
            raise ImageError(f"a frame is {frame.dtype} {list(frame.shape)}, not uint8 {list(self._shape)}")
        self._writer.add(np.ascontiguousarray(frame))
        self._frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the file and give it its name, or remove it if the block failed."""
        writer, self._writer = self._writer, None
        if error is not None or writer is None:
            self._cleanup.__exit__(kind, error, trace)
            return
        with self._cleanup:
            if self._frames == 0:
                raise ImageError("the film has no frames", where=self._path)
            writer.close()


class _Film:
    """H.264 or VP9 in a container, by PyAV."""

    def __init__(
        self,
        path: Path,
        suffix: str,
        size: tuple[int, int],
        fps: Fraction,
        text: Mapping[str, str],
        cleanup: contextlib.ExitStack,
    ) -> None:
        cleanup.enter_context(film_errors(size))
        self._container = cleanup.enter_context(film_container(path, suffix, text))
        self._stream = _video_stream(self._container, suffix, size, fps)
        self._fps, self._frames = fps, 0
        self._sound: Soundtrack | None = None

    def with_sound(self, sound: Sound, suffix: str, cleanup: contextlib.ExitStack) -> _Film:
        """Put sound under the frames that are to come, and return self."""
        self._sound = Soundtrack(sound, self._container, suffix, cleanup)
        return self

    def add(self, frame: Frame) -> None:
        """Encode one frame, uint8 [h, w, 3]."""
        import av

        even = np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED_RANGE
        )
        self._container.mux(self._stream.encode(picture))
        self._frames += 1
        if self._sound is not None:
            self._sound.write_until(float(self._frames / self._fps))

    def close(self) -> None:
        """Encode what the codec still holds; the container is completed when it is closed."""
        self._container.mux(self._stream.encode(None))


@contextlib.contextmanager
def film_container(path: Path, suffix: str, text: Mapping[str, str]) -> Iterator[av.container.OutputContainer]:
    """Open the container of a film for writing, with its text; it is completed when the block ends."""
    import av

    # QuickTime's old comment field ends after 64 KiB, its metadata tags do not.
    options = {".mp4": {"movflags": "+faststart"}, ".mov": {"movflags": "+faststart+use_metadata_tags"}}
    with av.open(str(path), "w", format=FILM_SUFFIXES[suffix], container_options=options.get(suffix, {})) as container:
        # No random identifiers, no clock and no library version in the file: equal frames give equal bytes.
        container.flags |= _BITEXACT
        container.metadata["comment"] = json.dumps(dict(text))
        yield container


@contextlib.contextmanager
def film_errors(size: tuple[int, int]) -> Iterator[None]:
    """Turn what the encoder or the container refuses into an `ImageError`; a full disk stays an ``OSError``."""
    import av

    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        height, width = size
        raise ImageError(
            f"the film of {width} x {height} pixels could not be encoded ({error.strerror})",
            fix="make it smaller or write .webp",
        ) from error


def _video_stream(
    container: av.container.OutputContainer, suffix: str, size: tuple[int, int], fps: Fraction
) -> av.VideoStream:
    codec, options = _VP9 if suffix == ".webm" else _X264
    stream = cast("av.VideoStream", container.add_stream(codec, rate=fps, options=dict(options)))
    stream.height, stream.width = (side + side % 2 for side in size)
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED_RANGE
    return stream


def frame_rate(fps: float) -> Fraction:
    """Return the frame rate that a film is written at: 29.97003 is 30000/1001."""
    return Fraction(fps).limit_denominator(1001)


def best_suffix() -> str:
    """Return ``.mp4`` where PyAV is installed, else ``.webp``."""
    return ".webp" if importlib.util.find_spec("av") is None else ".mp4"


def check_film(path: Path) -> None:
    """Raise `InputError` if `VideoWriter` takes no file of this suffix, `DependencyError` if it needs PyAV for it."""
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise InputError("is no film or animation", where=path, fix="use one of " + ", ".join(VIDEO_SUFFIXES))
    if path.suffix.lower() in FILM_SUFFIXES:
        require_av()


def is_film(path: str | Path) -> bool:
    """Tell whether `VideoWriter` would take this name, by its suffix."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def read_video_text(path: Path) -> dict[str, str]:
    """Return the text that `VideoWriter` stored in a film or an animation; empty if there is none.

    Raises `FileError` if the file is missing, `ImageError` if it is no film, `DependencyError` without PyAV.
    """
    if path.suffix.lower() not in FILM_SUFFIXES:
        return read_text(path)
    require_av()
    import av

    with os_errors(path), path.open("rb") as stream:
        try:
            with av.open(stream, "r") as container:
                tags = {key.lower(): value for key, value in container.metadata.items()}
        except (av.error.FFmpegError, ValueError) as error:
            raise ImageError("is not a film, or is damaged", where=path) from error
    return json_text(tags.get("comment", "{}").encode())
