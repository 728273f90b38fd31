"""Pictures between 0..1 and the 256 levels that files hold."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import ImageError

__all__ = ["from_uint8", "lay_levels", "lay_planes", "nan_error", "refuse_nan", "to_uint8"]

_TOP: Final = 255

_BLOCK: Final = 2**16
"""Values worked on at once: 256 KiB of float32, so that they stay in a core's own cache from step to step."""

_ROUNDER: Final = 1.5 * 2.0**23
"""Added to a float32 of 0..255 it leaves no room for a fraction: the sum is rounded half to even, into its low byte."""


def to_uint8(pixels: NDArray[np.floating] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Round 0..1 to 0..255, half to even, after clipping; uint8 is levels already and returned as it is.

    Raises `ImageError` if a value is NaN.
    """
    if pixels.dtype == np.uint8:
        return pixels.view(np.uint8)
    refuse_nan(pixels)
    scaled = np.clip(pixels, 0, 1, dtype=np.float32)
    scaled *= _TOP
    levels: NDArray[np.uint8] = np.rint(scaled, out=scaled).astype(np.uint8)
    return levels


def from_uint8(pixels: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return 0..255 as float32 0..1; `to_uint8` gives the same bytes back. Float32 is returned as it is."""
    if pixels.dtype == np.float32:
        return pixels.view(np.float32)
    return np.divide(pixels, _TOP, dtype=np.float32)


def lay_levels(planes: NDArray[np.float32], levels: NDArray[np.uint8]) -> None:
    """Fill ``levels`` [n, h, w, c] with what `to_uint8` gives of ``planes`` [n, c, h, w], at half of its CPU time.

    Raises `ImageError` if a value is NaN.
    """
    count, channels, height, width = planes.shape
    rows = max(1, _BLOCK // max(1, width))
    block = np.empty((min(rows, height), width), np.float32)
    for index in range(count):
        for top in range(0, height, rows):
            for channel in range(channels):
                part = planes[index, channel, top : top + rows]
                levels[index, top : top + rows, :, channel] = _rounded(part, block[: len(part)])


def lay_planes(
    planes: NDArray[np.float32] | NDArray[np.uint8], pictures: NDArray[np.float32] | NDArray[np.uint8]
) -> None:
    """Fill ``pictures`` [n, h, w, c] with ``planes`` [n, c, h, w], as levels where they are of 8 bits."""
    if pictures.dtype == np.uint8 and planes.dtype == np.float32:
        lay_levels(planes.view(np.float32), pictures.view(np.uint8))
    else:
        pictures[...] = planes.transpose(0, 2, 3, 1)


def _rounded(values: NDArray[np.float32], block: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return whole numbers whose low bytes are the levels, in the memory of ``block``."""
    np.clip(values, 0, 1, out=block)
    refuse_nan(block)
    block *= _TOP
    block += _ROUNDER
    return block.view(np.uint32)


def refuse_nan(pixels: NDArray[np.floating] | NDArray[np.uint8]) -> None:
    """Raise `ImageError` if a value is NaN."""
    if pixels.size and np.isnan(pixels.min()):
        raise nan_error()


def nan_error() -> ImageError:
    """Return the error of a picture that holds NaN."""
    return ImageError("the picture holds NaN values", fix="check the model: its output is not finite")
