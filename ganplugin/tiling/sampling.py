"""Where an enlargement finds its pixels, for sizes that are no whole multiples: by places in the whole picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.tiling.maps import Map, Uncuttable
from ganplugin.tiling.windows import Window

__all__ = ["Axis"]

Places = NDArray[np.float64]

# Output place, input size, output size -> input place, as ONNX defines Resize.
_WAYS: Final[Mapping[bytes, Callable[[Places, int, int], Places]]] = {
    b"half_pixel": lambda place, before, after: (place + 0.5) * (before / after) - 0.5,
    b"pytorch_half_pixel": lambda place, before, after: (
        (place + 0.5) * (before / after) - 0.5 if after > 1 else 0 * place
    ),
    b"asymmetric": lambda place, before, after: place * (before / after),
    b"align_corners": lambda place, before, after: place * ((before - 1) / (after - 1)) if after > 1 else 0 * place,
}
_ROUNDS: Final[Mapping[bytes, Callable[[Places], Places]]] = {
    b"floor": np.floor,
    b"ceil": np.ceil,
    b"round_prefer_floor": lambda places: np.ceil(places - 0.5),
    b"round_prefer_ceil": lambda places: np.floor(places + 0.5),
}


@dataclass(frozen=True)
class Axis:
    """An enlargement along ``axis`` (2: down, 3: right) from ``source`` to ``target``."""

    axis: int
    source: Map
    target: Map
    way: bytes
    nearest: bytes

    @classmethod
    def of(cls, attributes: Mapping[str, Any], axis: int, source: Map, target: Map) -> Axis:
        """Read it from the attributes of a Resize. Raises `Uncuttable` for a way that is none of ONNX's plain ones."""
        way = attributes.get("coordinate_transformation_mode", b"half_pixel")
        nearest = b""
        if attributes.get("mode", b"nearest") == b"nearest":
            nearest = attributes.get("nearest_mode", b"round_prefer_floor")
        if way not in _WAYS or (nearest and nearest not in _ROUNDS):
            raise Uncuttable(f"its Resize finds its places by {way.decode()}")
        return cls(axis, source, target, way, nearest)

    def low(self, window: Window) -> NDArray[np.int64]:
        """Return the pixel of the window's source that each pixel of its target lies on or after."""
        places = self._places(window)
        return self._within(_ROUNDS[self.nearest](places) if self.nearest else np.floor(places), window)

    def high(self, window: Window) -> NDArray[np.int64]:
        """Return the pixel after it."""
        return self._within(np.floor(self._places(window)) + 1, window)

    def share(self, window: Window) -> NDArray[np.float32]:
        """Return how far it lies on the way, 0..1, shaped to multiply the target."""
        places = np.maximum(self._places(window), 0)
        share = (places - np.floor(places)).astype(np.float32)
        return share.reshape(-1, 1) if self.axis == 2 else share

    def _places(self, window: Window) -> Places:
        part = window.under(self.target)[self.axis - 2]
        before, after = self.source.shape[self.axis], self.target.shape[self.axis]
        return _WAYS[self.way](np.arange(part.start, part.stop, dtype=np.float64), before, after)

    def _within(self, places: Places, window: Window) -> NDArray[np.int64]:
        part = window.under(self.source)[self.axis - 2]
        return np.asarray(np.clip(places.astype(np.int64) - part.start, 0, part.stop - part.start - 1), np.int64)
