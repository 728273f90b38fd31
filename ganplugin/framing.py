"""Pictures of any size for style networks that take sizes of a multiple, of a minimum, or one size only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import InputError
from ganplugin.limits import MAX_PIXELS
from ganplugin.manifest import Manifest
from ganplugin.sizing import resize

__all__ = ["Frame"]

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """Pictures of ``outside`` (height, width) are painted at ``inside``, and what the network sees is ``whole``.

    For a network of free size ``inside`` is ``outside``. One of a fixed size sees the picture as large as fits, with
    its proportions kept; what is missing to the right and below is filled by reflection, and cut off again.
    An upscaler returns everything ``scale`` times larger.
    """

    outside: tuple[int, int]
    inside: tuple[int, int]
    whole: tuple[int, int]
    scale: int = 1

    @classmethod
    def around(cls, height: int, width: int, manifest: Manifest) -> Frame:
        """Return the frame for pictures of a size in the network of a manifest.

        Raises `InputError` if the result would have more than `MAX_PIXELS`.
        """
        rows, columns = height * manifest.scale, width * manifest.scale
        if rows * columns > MAX_PIXELS:
            raise InputError(
                f"{columns}x{rows} would be more pixels than a picture may have",
                where=manifest.name,
                fix="shrink the picture first, with --max-side",
            )
        outside = height, width
        if manifest.height is not None and manifest.width is not None:
            scale = min(manifest.height / height, manifest.width / width)
            inside = max(1, round(height * scale)), max(1, round(width * scale))
            return cls(outside, inside, (manifest.height, manifest.width), manifest.scale)
        multiple, least = manifest.size_multiple, manifest.minimum_size
        rows, columns = (-(-max(side, least) // multiple) * multiple for side in outside)
        return cls(outside, outside, (rows, columns), manifest.scale)

    @property
    def returned(self) -> tuple[int, int]:
        """The size of what the network returns for ``whole``."""
        return self._enlarged(self.whole)

    @property
    def painted(self) -> tuple[int, int]:
        """The size of the part of it, from the upper left, that is the painting."""
        return self._enlarged(self.inside)

    @property
    def result(self) -> tuple[int, int]:
        """The size of the pictures that `leave` returns."""
        return self._enlarged(self.outside)

    def _enlarged(self, size: tuple[int, int]) -> tuple[int, int]:
        return size[0] * self.scale, size[1] * self.scale

    def enter(self, pictures: Pixels) -> Pixels:
        """Return pictures [n, h, w, c] as the network sees them."""
        inside = _resized(pictures, self.inside)
        extra = [whole - side for whole, side in zip(self.whole, self.inside, strict=True)]
        if not any(extra) or not len(inside):
            return inside
        return np.pad(inside, ((0, 0), (0, extra[0]), (0, extra[1]), (0, 0)), mode="reflect")

    def window(self, picture: Pixels) -> Callable[[slice, slice], Pixels]:
        """Return what gives rows and columns of what the network sees of a picture [h, w, c], as [1, c, rows, columns].

        For a network of free size, without a copy of the whole.
        """
        down, right = (_reflected(*sides) for sides in zip(self.inside, self.whole, strict=True))

        def read(rows: slice, columns: slice) -> Pixels:
            within = rows.stop <= self.inside[0] and columns.stop <= self.inside[1]
            part = picture[rows, columns] if within else picture[down[rows][:, None], right[columns]]
            return np.ascontiguousarray(part.transpose(2, 0, 1)[None])

        return read

    def leave(self, painted: Pixels) -> Pixels:
        """Return paintings [n, h, w, c] of the size `painted` at the size `result`."""
        return _resized(painted, self.result)


def _reflected(side: int, whole: int) -> NDArray[np.intp]:
    """Return the place in a picture of each place of a larger one that it is reflected into."""
    return np.pad(np.arange(side), (0, whole - side), mode="reflect")


def _resized(pictures: Pixels, size: tuple[int, int]) -> Pixels:
    if pictures.shape[1:3] == size:
        return pictures
    rows = [resize(picture, size[1], size[0]) for picture in pictures]
    return np.stack(rows) if rows else np.empty((0, *size, pictures.shape[3]), np.float32)
