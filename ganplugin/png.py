"""A fast PNG encoder ("up" filter in numpy, ISA-L's deflate), because writing PNG is on the render loop's path."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import ImageError, InputError

__all__ = ["SIGNATURE", "chunk", "compressed_rows", "encode_png", "header_chunk", "text_chunks"]

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_COLOUR_TYPES: Final = {1: 0, 2: 4, 3: 2, 4: 6}
_UP_FILTER: Final = 2
_LARGEST_SIDE: Final = 2**31 - 1
_KEYWORD = re.compile(rb"[!-~\xa1-\xff]+(?: [!-~\xa1-\xff]+)*")


def encode_png(pixels: NDArray[np.uint8], text: Mapping[str, str]) -> bytes:
    """Return a whole PNG file; the same pixels and text always give the same bytes on one machine.

    ``pixels`` is uint8 [h, w, c] in sRGB with c = 1 grey, 2 grey + alpha, 3 RGB or 4 RGBA. Each entry of ``text``
    becomes a tEXt chunk, or iTXt where it is not Latin-1, before the pixels. Without the ``isal`` package the
    standard library's zlib compresses: the same picture in other bytes, more slowly.
    Raises `ImageError` for another shape or type and `InputError` for a keyword or text that PNG cannot hold.
    """
    parts = [header_chunk(pixels), *text_chunks(text), chunk(b"IDAT", compressed_rows(pixels)), chunk(b"IEND", b"")]
    return b"".join([SIGNATURE, *parts])


def header_chunk(pixels: NDArray[np.uint8]) -> bytes:
    """Return the IHDR and sRGB chunks for pictures of this shape."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in _COLOUR_TYPES:
        raise ImageError(f"a PNG needs uint8 [h, w, 1 to 4], not {pixels.dtype} {list(pixels.shape)}")
    height, width, channels = pixels.shape
    if not (0 < height <= _LARGEST_SIDE and 0 < width <= _LARGEST_SIDE):
        raise ImageError(f"a PNG cannot be {width} x {height} pixels")
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return chunk(b"IHDR", header) + chunk(b"sRGB", b"\0")


def compressed_rows(pixels: NDArray[np.uint8]) -> bytes:
    """Return the zlib stream of the filtered rows: the content of IDAT (or of an APNG's fdAT)."""
    rows = np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1)
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), dtype=np.uint8)
    filtered[:, 0] = _UP_FILTER
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return _deflate(filtered)


def _deflate(data: NDArray[np.uint8]) -> bytes:
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.compress(data.data, 1)
    return bytes(isal_zlib.compress(data.data, 1))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one PNG chunk: length, type, data, CRC-32."""
    if len(data) > _LARGEST_SIDE:
        raise ImageError("the picture is too large for one PNG", fix="render it smaller")
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def text_chunks(text: Mapping[str, str]) -> list[bytes]:
    """Return a tEXt or iTXt chunk for each entry. Raises `InputError` for what PNG cannot hold."""
    return [_text_chunk(keyword, value) for keyword, value in text.items()]


def _text_chunk(keyword: str, value: str) -> bytes:
    key = keyword.encode("latin-1", "replace")
    if len(key) > 79 or not _KEYWORD.fullmatch(key) or key.decode("latin-1") != keyword:
        raise InputError("is not a PNG text keyword", where=repr(keyword), fix="use 1 to 79 Latin-1 characters")
    if "\0" in value:
        raise InputError("the text holds a NUL character", where=repr(keyword), fix="remove it")
    try:
        return chunk(b"tEXt", key + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        # Flags: not compressed; no language; no translated keyword.
        return chunk(b"iTXt", key + b"\0\0\0\0\0" + value.encode("utf-8", "replace"))
