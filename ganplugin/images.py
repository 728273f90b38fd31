"""Pictures in and out: bounded decoding of untrusted files, atomic writing with provenance text."""

from __future__ import annotations

import glob
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.decoding import (
    FORMATS_FIX,
    decode_levels,
    decoder,
    float_pixels,
    in_srgb,
    read_bytes,
    too_large,
    upright,
)
from ganplugin.errors import FileError, ImageError, InputError
from ganplugin.files import atomic_write, os_errors
from ganplugin.levels import from_uint8, refuse_nan, to_uint8
from ganplugin.limits import MAX_PIXELS
from ganplugin.picture_text import exif_text, json_text, text_as_exif
from ganplugin.png import encode_png

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "PICTURE_SUFFIXES",
    "Picture",
    "decode_frames",
    "decode_picture",
    "encode_picture",
    "from_uint8",
    "list_pictures",
    "read_bytes",
    "read_fitted",
    "read_picture",
    "read_text",
    "refuse_nan",
    "to_uint8",
    "write_picture",
]

PICTURE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Suffixes of files that a folder is searched for."""

_JPEG_TEXT_BYTES: Final = 65_000


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture: ``rgb`` float32 [h, w, 3] and, where the file has it, ``alpha`` float32 [h, w], both 0..1.

    Colours are sRGB and not multiplied by alpha. ``name`` is the file's name; ``sha256`` the digest of its bytes.
    """

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32] | None
    name: str
    sha256: str


def read_picture(path: Path) -> Picture:
    """Read a picture file; see `decode_picture`. Raises `FileError` if it is missing or unreadable."""
    return decode_picture(read_bytes(path), str(path))


def read_fitted(path: Path, width: int, height: int) -> Image.Image:
    """Read a picture file as `read_picture` does, scaled to fit ``width`` x ``height``: an RGB or RGBA image.

    It takes the memory of one picture of 8 bits, and less of a JPEG file, which is decoded smaller.
    """
    from PIL import Image

    pixels = decode_levels(read_bytes(path), str(path), needed=(width, height)).image
    factor = min(width / pixels.width, height / pixels.height)
    size = max(round(pixels.width * factor), 1), max(round(pixels.height * factor), 1)
    return pixels.resize(size, Image.Resampling.LANCZOS)


def decode_picture(data: bytes, name: str) -> Picture:
    """Decode PNG, JPEG, WebP, BMP, GIF or TIFF bytes, whatever the file is called, upright (EXIF) and in sRGB.

    Any bit depth and colour mode is brought to 0..1: 16-bit grey keeps its precision, 16-bit colour is read with 8 bits
    a channel (Pillow's limit), CMYK goes through its embedded profile where there is one. Of an animated or
    multi-page file the first frame is read. Raises `ImageError` for all that is not such a picture: other formats,
    damage, truncation, more than `MAX_PIXELS` pixels.
    """
    with decoder(data, name) as image:
        image.load()
        rgb, alpha = float_pixels(in_srgb(upright(image)))
    return Picture(rgb=rgb, alpha=alpha, name=Path(name).name, sha256=hashlib.sha256(data).hexdigest())


def decode_frames(data: bytes, name: str) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]]:
    """Decode a picture as ComfyUI does: every frame of the first one's size, upright, without its colour profile.

    Gives RGB uint8 [h, w, 3] and, where a frame has it, alpha uint8 [h, w]. Raises `ImageError` as `decode_picture`,
    and if all frames together have more than `MAX_PIXELS` pixels.
    """
    from PIL import ImageSequence

    frames: list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]] = []
    pixels = 0
    with decoder(data, name) as image:
        for frame in ImageSequence.Iterator(image):
            pixels += frame.width * frame.height
            if pixels > MAX_PIXELS:
                raise too_large(name)
            levels = _plain_levels(upright(frame))
            if not frames or levels[0].shape == frames[0][0].shape:
                frames.append(levels)
            if image.format == "MPO":  # a camera's second picture is no frame
                break
    return frames


def _plain_levels(image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    if image.mode == "I":
        image = image.point(lambda level: level * (1 / 255))
    rgb = np.asarray(image.convert("RGB"))
    if "A" in image.getbands():
        return rgb, np.asarray(image.getchannel("A"))
    if image.mode == "P" and "transparency" in image.info:
        return rgb, np.asarray(image.convert("RGBA").getchannel("A"))
    return rgb, None


def list_pictures(path: Path) -> tuple[Path, ...]:
    """Return the pictures that ``path`` names: one file, those of a folder, or those that match a pattern (``*``).

    Folders are not searched below; hidden files and files without a picture's suffix are left out; numbers sort by
    value (2 before 10). Raises `FileError` if there is none.
    """
    with os_errors(path):
        if path.is_file():
            return (path,)
        if path.is_dir():
            found = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
        else:
            found = [Path(match) for match in glob.glob(str(path))]  # noqa: PTH207 - Path.glob takes no absolute pattern
        pictures = [entry for entry in found if entry.suffix.lower() in PICTURE_SUFFIXES and entry.is_file()]
    if not pictures:
        missing = not found and not path.is_dir()
        what = "no such file or folder" if missing else "holds no pictures"
        raise FileError(what, where=path, fix="check the path" if missing else FORMATS_FIX)
    return tuple(sorted(pictures, key=_natural_order))


def _natural_order(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name.lower())
    return [(0, int(part), "") if part[0].isdigit() else (1, 0, part) for part in parts], str(path)


def write_picture(
    pixels: NDArray[np.float32] | NDArray[np.uint8],
    path: Path,
    *,
    text: Mapping[str, str],
    overwrite: bool = False,
    quality: int = 95,
) -> None:
    """Write ``pixels`` to ``path`` whole or not at all, in the format of its suffix; see `encode_picture`.

    Raises `FileError` if the file exists (without ``overwrite``) or cannot be written.
    """
    data = encode_picture(pixels, path.suffix, text=text, quality=quality)
    with atomic_write(path, overwrite=overwrite) as part:
        part.write_bytes(data)


def encode_picture(
    pixels: NDArray[np.float32] | NDArray[np.uint8], suffix: str, *, text: Mapping[str, str], quality: int = 95
) -> bytes:
    """Return [h, w, 1 | 3 | 4], float in 0..1 or uint8, as the bytes of a ``.png``, ``.jpg`` or ``.webp`` file.

    PNG and WebP are lossless; ``quality`` (1..100) is JPEG's, and JPEG shows transparent pictures on white.
    ``text`` goes into tEXt/iTXt chunks (PNG) or, as JSON, into the EXIF user comment; `read_text` reads it back.
    Raises `InputError` for another suffix or quality and `ImageError` for pixels that the format cannot hold.
    """
    encoder = _ENCODERS.get(suffix.lower())
    if encoder is None:
        known = ", ".join(sorted(_ENCODERS))
        raise InputError(f"{suffix or 'no suffix'!r} is not a format to write", fix=f"use one of {known}")
    if not 1 <= quality <= 100:
        raise InputError(f"{quality} is not in 1..100", where="quality")
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise ImageError(f"cannot write pixels of shape {list(pixels.shape)}", fix="give [h, w, 1 | 3 | 4]")
    return encoder(to_uint8(pixels), text, quality)


def _encode_png(pixels: NDArray[np.uint8], text: Mapping[str, str], quality: int) -> bytes:
    return encode_png(pixels, text)


def _encode_webp(pixels: NDArray[np.uint8], text: Mapping[str, str], quality: int) -> bytes:
    image = _pillow_image(pixels)
    return _saved(image, "WEBP", {"lossless": True, "exact": True, "method": 2, "exif": text_as_exif(text)})


def _encode_jpeg(pixels: NDArray[np.uint8], text: Mapping[str, str], quality: int) -> bytes:
    from PIL import Image

    exif = text_as_exif(text)
    if len(exif) > _JPEG_TEXT_BYTES:
        raise ImageError("the provenance is too long for a JPEG", fix="write .png or .webp")
    image = _pillow_image(pixels)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return _saved(image, "JPEG", {"quality": quality, "subsampling": 0, "exif": exif})


_ENCODERS: Final = {".png": _encode_png, ".jpg": _encode_jpeg, ".jpeg": _encode_jpeg, ".webp": _encode_webp}


def _pillow_image(pixels: NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _saved(image: Image.Image, kind: str, options: Mapping[str, object]) -> bytes:
    stream = io.BytesIO()
    try:
        image.save(stream, kind, **options)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"a {kind} cannot hold {image.width} x {image.height} pixels ({error})", fix="write .png"
        ) from error
    return stream.getvalue()


def read_text(path: Path) -> dict[str, str]:
    """Return the text that `write_picture` (or, for PNG, any program) put beside the pixels; empty if there is none.

    Raises `FileError` and `ImageError` as `read_picture` does; oversized text (Pillow's limits: 1 MiB a compressed
    chunk, 64 MiB in all) counts as damage.
    """
    with decoder(read_bytes(path), str(path)) as image:
        if image.format == "PNG":
            return _png_text(image)
        if image.format == "GIF":
            return json_text(image.info.get("comment"))
        return exif_text(image.getexif())


def _png_text(image: Image.Image) -> dict[str, str]:
    # Text after the pixels needs all of them decoded, of an animation every frame: there, ours comes first.
    entries = image.info if getattr(image, "is_animated", False) else getattr(image, "text", {})
    return {str(key): str(value) for key, value in entries.items() if isinstance(value, str)}
