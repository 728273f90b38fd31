"""Animated pictures written frame by frame: WebP, GIF and APNG, without holding more than one frame in memory.

Pillow's own writers keep every frame until the end. Each class here takes a seekable binary stream that starts empty,
``add`` takes uint8 [h, w, 3], and ``close`` completes the file. All loop for ever.
"""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import BinaryIO, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import ImageError
from ganplugin.picture_text import text_as_exif
from ganplugin.png import SIGNATURE, chunk, compressed_rows, header_chunk, text_chunks

__all__ = ["ANIMATIONS", "ApngWriter", "FrameWriter", "GifWriter", "WebpWriter"]

Frame = NDArray[np.uint8]

_WEBP_QUALITY: Final = 90
_WEBP_LARGEST_SIDE: Final = 16_383
_GIF_LARGEST_SIDE: Final = 65_535
_GIF_SHORTEST: Final = 2  # hundredths of a second; browsers show shorter frames slowly
_FOUR_GIB: Final = 2**32 - 10


class FrameWriter(Protocol):
    """What takes frames one by one and completes a file."""

    def add(self, frame: Frame) -> None:
        """Encode one frame, uint8 [h, w, 3]."""

    def close(self) -> None:
        """Write what completes the file."""


class _Clock:
    """Durations of frames in whole ``units`` a second whose sum never drifts from the frame rate."""

    def __init__(self, fps: Fraction, units: int, shortest: int = 1) -> None:
        self._length = Fraction(units) / fps
        self._shortest = shortest
        self._frames = 0

    def next(self) -> int:
        start, end = round(self._frames * self._length), round((self._frames + 1) * self._length)
        self._frames += 1
        return max(end - start, self._shortest)


class WebpWriter:
    """Animated WebP, lossy at quality 90; every frame stands alone."""

    def __init__(self, stream: BinaryIO, width: int, height: int, fps: Fraction, text: Mapping[str, str]) -> None:
        if max(width, height) > _WEBP_LARGEST_SIDE:
            raise ImageError(f"an animated WebP cannot be {width} x {height} pixels", fix="write .mp4 or .png")
        self._stream, self._text = stream, text
        self._clock = _Clock(fps, 1000)
        self._box = _uint24(width - 1) + _uint24(height - 1)
        animated, with_exif = 0x02, 0x08 if text else 0
        stream.write(b"RIFF\0\0\0\0WEBP")
        stream.write(_riff(b"VP8X", bytes([animated | with_exif, 0, 0, 0]) + self._box))
        stream.write(_riff(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0)))

    def add(self, frame: Frame) -> None:
        """Encode one frame, uint8 [h, w, 3]."""
        from PIL import Image

        picture = io.BytesIO()
        Image.fromarray(frame).save(picture, "WEBP", quality=_WEBP_QUALITY, method=2)
        no_blend = 0x02
        place = _uint24(0) * 2 + self._box + _uint24(self._clock.next()) + bytes([no_blend])
        # An opaque still WebP is a 12-byte header and one chunk of pixels, which is what an animation wants.
        self._stream.write(_riff(b"ANMF", place + picture.getvalue()[12:]))

    def close(self) -> None:
        """Write the text and the size of the whole."""
        if self._text:
            self._stream.write(_riff(b"EXIF", text_as_exif(self._text)))
        size = self._stream.tell() - 8
        if size > _FOUR_GIB:
            raise ImageError("an animated WebP cannot be larger than 4 GiB", fix="write .mp4 or fewer frames")
        self._stream.seek(4)
        self._stream.write(struct.pack("<I", size))
        self._stream.seek(0, os.SEEK_END)


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _uint24(number: int) -> bytes:
    return number.to_bytes(3, "little")


class GifWriter:
    """Animated GIF: 256 colours a frame; for where nothing better is understood."""

    def __init__(self, stream: BinaryIO, width: int, height: int, fps: Fraction, text: Mapping[str, str]) -> None:
        if max(width, height) > _GIF_LARGEST_SIDE:
            raise ImageError(f"a GIF cannot be {width} x {height} pixels", fix="write .mp4 or .png")
        self._stream = stream
        self._clock = _Clock(fps, 100, _GIF_SHORTEST)
        stream.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0))
        stream.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")  # play for ever
        if text:
            stream.write(b"\x21\xfe" + _gif_blocks(json.dumps(dict(text)).encode("ascii")))

    def add(self, frame: Frame) -> None:
        """Encode one frame, uint8 [h, w, 3]."""
        from PIL import Image

        still = io.BytesIO()
        Image.fromarray(frame).quantize(256).save(still, "GIF", interlace=0)
        self._stream.write(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 0, self._clock.next(), 0, 0))
        self._stream.write(_with_own_colours(still.getvalue()))

    def close(self) -> None:
        """Write the trailer."""
        self._stream.write(b";")


def _with_own_colours(still: bytes) -> bytes:
    """Return the image block of a whole GIF with its colour table moved from the file's header into the block."""
    table_bits = still[10] & 0x07
    begin = 13 + 3 * 2 ** (table_bits + 1)
    table, descriptor, picture = still[13:begin], still[begin : begin + 9], still[begin + 10 : -1]
    return descriptor + bytes([0x80 | table_bits]) + table + picture


def _gif_blocks(data: bytes) -> bytes:
    parts = [data[start : start + 255] for start in range(0, len(data), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


class ApngWriter:
    """Animated PNG: lossless, large."""

    def __init__(self, stream: BinaryIO, width: int, height: int, fps: Fraction, text: Mapping[str, str]) -> None:
        self._stream = stream
        self._size = struct.pack(">IIII", width, height, 0, 0)
        delay = (1 / fps).limit_denominator(65_535)
        self._delay = struct.pack(">HHBB", delay.numerator, delay.denominator, 0, 0)
        self._frames = self._sequence = 0
        stream.write(SIGNATURE + header_chunk(np.empty((height, width, 3), dtype=np.uint8)))
        self._control_at = stream.tell()
        stream.write(self._control())
        stream.write(b"".join(text_chunks(text)))

    def _control(self) -> bytes:
        return chunk(b"acTL", struct.pack(">II", self._frames, 0))

    def _number(self) -> bytes:
        self._sequence += 1
        return struct.pack(">I", self._sequence - 1)

    def add(self, frame: Frame) -> None:
        """Encode one frame, uint8 [h, w, 3]."""
        self._stream.write(chunk(b"fcTL", self._number() + self._size + self._delay))
        rows = compressed_rows(frame)
        # The first frame is also the still picture that programs without APNG show.
        self._stream.write(chunk(b"fdAT", self._number() + rows) if self._frames else chunk(b"IDAT", rows))
        self._frames += 1

    def close(self) -> None:
        """Write the end and, at the beginning, the number of frames."""
        self._stream.write(chunk(b"IEND", b""))
        self._stream.seek(self._control_at)
        self._stream.write(self._control())
        self._stream.seek(0, os.SEEK_END)


ANIMATIONS: Final[Mapping[str, Callable[[BinaryIO, int, int, Fraction, Mapping[str, str]], FrameWriter]]] = {
    ".webp": WebpWriter,
    ".gif": GifWriter,
    ".png": ApngWriter,
}
"""The writer of each suffix: of a stream, a width, a height, a frame rate and text."""
