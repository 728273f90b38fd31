"""Pictures brought to another size or number of channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ganplugin.manifest import Channels
from ganplugin.provenance import Enlarge

__all__ = [
    "fit_within",
    "longer_side",
    "resize",
    "resize_levels",
    "resize_squares",
    "row_bands",
    "with_channels",
]

Pixels = NDArray[np.float32]

Number = TypeVar("Number", np.uint8, np.float32)

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601 weights, as Pillow uses them for grey."""

_BAND_PIXELS = 2**19


def resize(picture: Pixels, width: int, height: int) -> Pixels:
    """Return the picture at another size by Lanczos, smooth either way: float32 [height, width, c], 0..1."""
    from PIL import Image

    if picture.shape[:2] == (height, width):
        return picture
    resized = np.empty((height, width, picture.shape[2]), np.float32)
    for c in range(picture.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(picture[..., c]))
        resized[..., c] = np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS))
    return np.clip(resized, 0.0, 1.0, out=resized)


def row_bands(picture: NDArray[np.floating]) -> Iterator[slice]:
    """Yield the rows of a picture band by band, half a million pixels at a time, for work in little memory."""
    height, width = picture.shape[:2]
    rows = max(1, _BAND_PIXELS // max(1, width))
    return (slice(start, min(height, start + rows)) for start in range(0, height, rows))


def fit_within(picture: Pixels, longest: int) -> Pixels:
    """Shrink a picture so that its longer side is at most ``longest`` pixels; smaller ones stay as they are."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    return resize(picture, max(1, round(width * scale)), max(1, round(height * scale)))


def resize_levels(levels: NDArray[np.uint8], side: int, enlarge: Enlarge) -> NDArray[np.uint8]:
    """Return a picture, uint8 [h, w, c], whose longer side is ``side`` pixels; it always shrinks smoothly."""
    from PIL import Image

    width, height = longer_side(levels.shape[1], levels.shape[0], side)
    if (height, width) == levels.shape[:2]:
        return levels
    if enlarge == "pixels" and side > max(levels.shape[:2]):
        return resize_squares(levels, width, height)
    picture = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    changed = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))
    return changed[..., None] if changed.ndim == 2 else changed


def resize_squares(picture: NDArray[Number], width: int, height: int) -> NDArray[Number]:
    """Return the picture at another size, every pixel of the result being one of its own."""
    rows = (np.arange(height) * picture.shape[0]) // height
    columns = (np.arange(width) * picture.shape[1]) // width
    return np.asarray(picture[rows][:, columns], picture.dtype)


def longer_side(width: int, height: int, side: int) -> tuple[int, int]:
    """Return width and height in the same proportions, the longer of them ``side``, neither below 1."""
    longer = max(width, height)
    return max(1, round(width * side / longer)), max(1, round(height * side / longer))


def with_channels(picture: Pixels, channels: Channels) -> Pixels:
    """Return the picture as grey, RGB or RGBA: alpha goes over white where it is not wanted, 1 where it is missing."""
    rgb, alpha = picture[..., :3], picture[..., 3:]
    if rgb.shape[2] < 3:
        rgb = np.repeat(rgb[..., :1], 3, axis=2)
    if channels == "RGBA":
        return np.concatenate([rgb, alpha if alpha.shape[2] else np.ones_like(rgb[..., :1])], axis=2)
    if alpha.shape[2]:
        rgb = rgb * alpha + (1 - alpha)
    return rgb if channels == "RGB" else (rgb @ _LUMA)[..., None]
