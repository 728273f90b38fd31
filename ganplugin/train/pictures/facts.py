"""What one picture is, as far as training cares."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from ganplugin.decoding import Levels
from ganplugin.train.pictures.likeness import SIDE

__all__ = ["Facts", "look"]

_FLAT_LEVELS = 3.0
_OPAQUE = 255


@dataclass(frozen=True, eq=False)
class Facts:
    """``width`` and ``height`` are the whole picture's, upright; ``mode`` and ``format`` the file's, in Pillow's words.

    ``digest`` is the file's SHA-256. ``alpha`` tells whether anything shines through, ``clear`` which part 0..1 of the
    picture is nothing. ``grey`` is without any colour, ``flat`` almost one single colour. ``thumb`` uint8 [16, 16, 3].
    """

    name: str
    group: str
    file_bytes: int
    width: int
    height: int
    mode: str
    format: str
    digest: bytes
    alpha: bool
    clear: float
    grey: bool
    flat: bool
    thumb: NDArray[np.uint8]


def look(name: str, group: str, data: bytes, levels: Levels) -> Facts:
    """Return the facts of a picture from its file's bytes and its pixels."""
    thumb = _thumbnail(levels.image)
    clear = _clear(levels.image)
    return Facts(
        name,
        group,
        len(data),
        *levels.size,
        levels.mode,
        levels.format,
        hashlib.sha256(data).digest(),
        alpha=clear is not None,
        clear=clear or 0.0,
        grey=_is_grey(levels.image, thumb),
        flat=float(thumb.std(axis=(0, 1)).max()) < _FLAT_LEVELS,
        thumb=thumb,
    )


def _thumbnail(image: Image.Image) -> NDArray[np.uint8]:
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    if small.mode == "RGBA":
        ground = Image.new("RGBA", small.size, "white")
        ground.alpha_composite(small)
        small = ground.convert("RGB")
    return np.asarray(small)


def _clear(image: Image.Image) -> float | None:
    """Return the part of the picture that is fully transparent, or None if all of it is opaque."""
    if image.mode != "RGBA":
        return None
    counts = image.getchannel("A").histogram()
    pixels = image.width * image.height
    return None if counts[_OPAQUE] == pixels else counts[0] / pixels


def _is_grey(image: Image.Image, thumb: NDArray[np.uint8]) -> bool:
    if int(np.ptp(thumb, axis=2).max()) > 1:
        return False
    red, green, blue = image.split()[:3]
    return not any(ImageChops.difference(red, other).getbbox() for other in (green, blue))
