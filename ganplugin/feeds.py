"""What goes into one run: arrays of the right type and shape, cut along the batch where they have one row a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganplugin.errors import InputError

__all__ = ["Feeds", "as_picture_rows", "as_planes", "checked"]

Array = NDArray[np.float32]
Shape = tuple["int | str", ...]


def checked(name: str, value: ArrayLike, shape: Shape) -> Array:
    """Return ``value`` as contiguous float32, promising finite numbers and the sizes of ``shape`` (names are free).

    Raises `InputError` otherwise.
    """
    array = _numbers(name, value)
    if array.ndim != len(shape) or any(
        isinstance(axis, int) and array.shape[i] != axis for i, axis in enumerate(shape)
    ):
        raise InputError(f"has the shape {_shown(array.shape)}, but needs {_shown(shape)}", where=name)
    if not np.isfinite(array).all():
        raise InputError("holds a value that is not a finite number", where=name)
    return array


def _numbers(name: str, value: ArrayLike) -> Array:
    try:
        # The reshape gives single numbers back their lack of axes.
        return np.ascontiguousarray(value, dtype=np.float32).reshape(np.shape(value))
    except (ValueError, TypeError) as error:
        raise InputError("is not an array of numbers", where=name) from error


def _shown(shape: Shape) -> str:
    return "[" + ", ".join(str(axis) for axis in shape) + "]"


@dataclass
class Feeds:
    """The inputs of ``rows`` pictures, for a model whose inputs have these ``shapes``."""

    rows: int
    shapes: Mapping[str, Shape]
    model_name: str
    _by_row: dict[str, Array] = field(default_factory=dict)
    _whole: dict[str, Array] = field(default_factory=dict)

    def add(self, name: str, value: ArrayLike | None, *, neutral: float | None = None) -> Feeds:
        """Add an input and return self; None leaves the model's default.

        One number stands for a vector of it, and [k] for a row of [batch, k]. A model without the input accepts the
        ``neutral`` value only. Raises `InputError` if the input is unknown or does not fit.
        """
        if value is None:
            return self
        if name not in self.shapes:
            if neutral is not None and np.all(_numbers(name, value) == neutral):
                return self
            raise InputError(f"the model {self.model_name} takes no {name}", where=name, fix="leave it out")
        shape = self.shapes[name]
        array = checked(name, self._spread(_numbers(name, value), shape), shape)
        if not shape or isinstance(shape[0], int):
            self._whole[name] = array
        else:
            self._add_rows(name, array)
        return self

    def _add_rows(self, name: str, array: Array) -> None:
        if len(array) == self.rows:
            self._by_row[name] = array
        elif len(array) == 1:
            self._whole[name] = array
        else:
            raise InputError(f"has {len(array)} rows for {self.rows} pictures", where=name)

    def _spread(self, array: Array, shape: Shape) -> Array:
        if array.ndim == 0 and len(shape) == 1 and isinstance(shape[0], int):
            return np.full(shape[0], array, np.float32)
        if array.ndim == 1 and len(shape) == 2:
            return np.broadcast_to(array, (self.rows, *array.shape))
        return array

    def part(self, start: int, stop: int, filled: int = 0) -> dict[str, Array]:
        """Return the inputs of rows ``start`` to ``stop``, the last one repeated until there are ``filled``."""
        rows = {name: array[start:stop] for name, array in self._by_row.items()}
        missing = filled - (stop - start)
        if missing > 0:
            rows = {name: np.concatenate([part, np.repeat(part[-1:], missing, 0)]) for name, part in rows.items()}
        return self._whole | rows


def as_picture_rows(name: str, pictures: ArrayLike, channels: int) -> Array:
    """Return pictures as float32 [n, h, w, channels]; one picture [h, w, channels] becomes a row.

    Raises `InputError` for another shape, whole numbers, an empty picture, or values that are not finite.
    """
    if np.asarray(pictures).dtype.kind in "iub":
        raise InputError("pictures are floating point, 0 to 1", where=name, fix="divide 8-bit values by 255")
    array = _numbers(name, pictures)
    rows = array[None] if array.ndim == 3 else array
    checked_rows = checked(name, rows, ("n", "h", "w", channels))
    if 0 in checked_rows.shape[1:]:
        raise InputError("a picture has no pixels", where=name)
    return checked_rows


def as_planes(pictures: Array) -> Array:
    """Turn [n, h, w, c] into contiguous [n, c, h, w]."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
