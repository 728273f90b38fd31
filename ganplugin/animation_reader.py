"""Animated GIF, WebP and PNG read frame by frame, one frame in memory."""

from __future__ import annotations

import io
import threading
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.decoding import decoding, read_bytes
from ganplugin.errors import ImageError
from ganplugin.limits import MAX_FRAMES, MAX_PIXELS
from ganplugin.png import SIGNATURE
from ganplugin.timeline import timeline

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["AnimationReader", "is_animation"]

_FORMATS: Final = ("GIF", "WEBP", "PNG")
_MICROSECONDS: Final = Fraction(1, 1_000_000)
_HUNDREDTH: Final = 10_000  # the coarsest unit of these formats, GIF's
_UNTIMED: Final = 100  # milliseconds: what browsers make of frames that say no time


def is_animation(head: bytes) -> bool:
    """Tell by its first bytes whether a file is GIF, WebP or PNG."""
    return head.startswith((b"GIF8", SIGNATURE)) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


class AnimationReader:
    """An open animation, as `ganplugin.film_reader.FilmReader`; what is transparent lies on white.

    Raises `FileError` if it cannot be read, `ImageError` if it is damaged, too large or too long.
    """

    has_sound: Final = False

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.RLock()
        self._data = read_bytes(path)
        with decoding(str(path)):
            self._image = self._opened()
            self.size = self._image.height, self._image.width
            self._check()
            durations = [self._duration(number) for number in range(_frames(self._image))]
        ends = np.cumsum(durations, dtype=np.int64)
        self._line = timeline(ends - np.array(durations, np.int64), int(ends[-1]), _MICROSECONDS, _HUNDREDTH)
        rate = f"{path.name}: its frame rate varies, so it is read at a constant {float(self.rate):.6g} a second"
        self.notes = (rate,) if self._line.varies else ()

    def _opened(self) -> Image.Image:
        from PIL import Image

        return Image.open(io.BytesIO(self._data), formats=_FORMATS)

    def _check(self) -> None:
        if self.size[0] * self.size[1] > MAX_PIXELS:
            raise ImageError(f"has frames of more than {MAX_PIXELS // 10**6} million pixels", where=self._path)
        if _frames(self._image) > MAX_FRAMES:
            raise ImageError(f"has more than {MAX_FRAMES:,} frames", where=self._path, fix="cut it in parts")

    def _duration(self, number: int) -> int:
        self._image.seek(number)
        self._image.load()
        return round(1000 * (self._image.info.get("duration") or _UNTIMED))

    @property
    def rate(self) -> Fraction:
        """Frames a second."""
        return self._line.rate

    def __len__(self) -> int:
        return len(self._line.positions)

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Return one frame, uint8 [h, w, 3]. Raises `ImageError` if it is damaged."""
        from PIL import Image

        with self._lock, decoding(str(self._path)):
            place = int(self._line.positions[index])
            if place < self._image.tell():
                self._image = self._opened()  # Pillow stumbles over some animations that are wound back
            self._image.seek(place)
            shown = self._image.convert("RGBA")
            white = Image.new("RGBA", shown.size, "white")
            return np.asarray(Image.alpha_composite(white, shown).convert("RGB"))


def _frames(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))
