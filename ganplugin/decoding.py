"""Pillow's decoders, bounded: whatever an untrusted file holds gives a picture or one `ImageError`."""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import ImageError
from ganplugin.files import os_errors
from ganplugin.levels import from_uint8, to_uint8
from ganplugin.limits import MAX_PIXELS

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "DECODER_ERRORS",
    "FORMATS_FIX",
    "Levels",
    "decode_levels",
    "decoder",
    "decoding",
    "float_pixels",
    "in_srgb",
    "read_bytes",
    "too_large",
    "upright",
]

FORMATS_FIX: Final = "use a PNG, JPEG, WebP, BMP, GIF or TIFF picture"
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
_MAX_FILE_BYTES: Final = 2**30
DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
_OTHER_DECODER_ERRORS = (EOFError, MemoryError, RuntimeError, struct.error, zlib.error)
_ORIENTATION: Final = 0x0112
_SIXTEEN_BITS: Final = 65_535

_LARGE_PIXELS: Final = 2**25
_ONE_LARGE: Final = threading.Lock()
"""A picture of more than 33 million pixels is decoded alone, so that memory does not grow with the threads."""


@dataclass(frozen=True, eq=False)
class Levels:
    """A decoded picture of 8 bits: ``image`` is RGB or RGBA, upright, in sRGB.

    ``size`` is width and height of the whole picture, where ``image`` may be smaller; ``mode`` (Pillow's name) and
    ``format`` are the file's.
    """

    image: Image.Image
    size: tuple[int, int]
    mode: str
    format: str


def decode_levels(data: bytes, name: str, *, needed: tuple[int, int] | None = None) -> Levels:
    """Decode PNG, JPEG, WebP, BMP, GIF or TIFF bytes as `ganplugin.images.decode_picture` does, with 8 bits a channel.

    With ``needed`` (width, height) a JPEG file is decoded at a half, a quarter or an eighth of its size where that
    still has twice as many pixels each way, at a fraction of the time. Raises `ImageError`.
    """
    with decoder(data, name) as image:
        mode, kind, size = image.mode, image.format or "", image.size
        if needed is not None:
            image.draft(image.mode, (2 * needed[0], 2 * needed[1]))
        image.load()
        turned = upright(image)
        if turned.size != image.size:
            size = size[::-1]
        return Levels(_eight_bits(in_srgb(turned)), size, mode, kind)


class _Quiet:
    """Hides Pillow's chatter while anybody decodes: the warning filters are the whole process's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._filters.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.close()


_QUIET: Final = _Quiet()


@contextlib.contextmanager
def decoder(data: bytes, name: str) -> Iterator[Image.Image]:
    """Give the opened, not yet decoded picture; see `decoding`."""
    from PIL import Image

    if not data:
        raise ImageError("is empty", where=name, fix=FORMATS_FIX)
    with decoding(name), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        _check_size(image.size, name)
        with _ONE_LARGE if image.size[0] * image.size[1] > _LARGE_PIXELS else contextlib.nullcontext():
            yield image


@contextlib.contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises inside over a file of this name into one `ImageError`, and hide its chatter."""
    from PIL import Image, UnidentifiedImageError

    try:
        with _QUIET:
            yield
    except UnidentifiedImageError as error:
        raise ImageError("is not a picture, or is damaged", where=name, fix=FORMATS_FIX) from error
    except Image.DecompressionBombError as error:
        raise too_large(name) from error
    except (*DECODER_ERRORS, *_OTHER_DECODER_ERRORS) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(f"is damaged or cut short ({reason})", where=name, fix="get or export it again") from error


def _check_size(size: tuple[int, int], name: str) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise too_large(name)


def too_large(name: str) -> ImageError:
    """Return the error of a picture with too many pixels."""
    return ImageError(f"has more than {MAX_PIXELS // 10**6} million pixels", where=name, fix="scale it down first")


def upright(image: Image.Image) -> Image.Image:
    """Return the picture turned as its EXIF data say."""
    from PIL import Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    try:
        turn = turns.get(image.getexif().get(_ORIENTATION, 1))
    except (*DECODER_ERRORS, *_OTHER_DECODER_ERRORS):
        return image  # damaged EXIF data is no reason to refuse sound pixels
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = dict(image.info)
    return turned


def in_srgb(image: Image.Image) -> Image.Image:
    """Return RGB and CMYK pictures that carry another colour profile than sRGB converted to sRGB."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImportError, *DECODER_ERRORS):  # no littlecms, or a profile that it cannot use
        return image
    return image if converted is None else converted


def _eight_bits(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(to_uint8(_high_depth_grey(image)))
    wanted = "RGBA" if _has_alpha(image) else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def float_pixels(image: Image.Image) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return RGB [h, w, 3] and, where there is one, alpha [h, w], both 0..1."""
    if image.mode.startswith("I") or image.mode == "F":
        return _high_depth_grey(image), None
    if _has_alpha(image):
        rgba = from_uint8(np.asarray(image.convert("RGBA")))
        return np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])
    return from_uint8(np.asarray(image.convert("RGB"))), None


def _high_depth_grey(image: Image.Image) -> NDArray[np.float32]:
    values = np.asarray(image, dtype=np.float64)
    if image.mode.startswith("I;16") or image.format == "PNG":
        values = values / _SIXTEEN_BITS
    if not (values.size and values.min() >= 0 and values.max() <= 1):  # false for NaN too
        raise ImageError("its 32-bit pixels have no known range", where="TIFF", fix="save it with 8 or 16 bits")
    return np.repeat(values[..., None].astype(np.float32), 3, axis=2)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a picture file. Raises `FileError` if it is unreadable, `ImageError` if far too large."""
    with os_errors(path), path.open("rb") as stream:
        data = stream.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise ImageError("is larger than 1 GiB", where=path, fix="use a smaller picture")
    return data
