"""Whole pictures for a style: photos to learn on, and paintings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganplugin.decoding import decode_levels, read_bytes
from ganplugin.errors import ImageError, TrainingError

__all__ = ["find_pictures", "load_photos", "load_rgb", "load_scaled"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
Pixels = NDArray[np.uint8]
Report = Callable[[str], None]


def find_pictures(places: Sequence[Path]) -> list[Path]:
    """Return the picture files among ``places`` and below those that are folders, sorted within each place.

    Hidden files are left out. Raises `TrainingError` if a place does not exist or no picture is found.
    """
    found: list[Path] = []
    for place in places:
        if not place.exists():
            raise TrainingError("does not exist", where=place, fix="name a folder of pictures")
        inside = sorted(place.rglob("*")) if place.is_dir() else [place]
        found += [path for path in inside if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if not found:
        where = ", ".join(str(place) for place in places)
        raise TrainingError("holds no pictures", where=where, fix="use PNG, JPEG, WebP, BMP, TIFF or GIF files")
    return found


def load_rgb(path: Path) -> Image.Image:
    """Return the first frame of a picture as RGB, turned upright, transparency over white.

    Raises `TrainingError` if it cannot be decoded.
    """
    try:
        image = decode_levels(read_bytes(path), str(path)).image
    except ImageError as error:
        raise TrainingError(error.what, where=path, fix="remove or repair it") from error
    if image.mode == "RGB":
        return image
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")


def _readable(paths: list[Path], report: Report) -> Iterator[Image.Image]:
    for path in paths:
        try:
            yield load_rgb(path)
        except TrainingError as error:
            report(f"skipped: {error}")


def _planes(picture: Image.Image) -> Pixels:
    return np.ascontiguousarray(np.asarray(picture, dtype=np.uint8).transpose(2, 0, 1))


def load_photos(places: Sequence[Path], *, shortest: int, least: int, report: Report) -> list[Pixels]:
    """Return the photos of some places as uint8 [3, h, w], made smaller so that the shorter side is ``shortest``.

    Smaller photos stay as they are if that side is at least ``least``, else they are left out. Raises
    `TrainingError` if none remains.
    """
    photos = []
    for picture in _readable(find_pictures(places), report):
        side = min(picture.size)
        if side > shortest:
            size = [max(shortest, round(length * shortest / side)) for length in picture.size]
            picture = picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)
        if side >= least:
            photos.append(_planes(picture))
    if not photos:
        raise TrainingError(
            f"holds no readable photo of at least {least} px",
            where=places[0],
            fix="use larger photos, or a smaller --crop",
        )
    return photos


def load_scaled(path: Path, *, longest: int) -> Pixels:
    """Return one picture as uint8 [3, h, w], made smaller so that its longer side is at most ``longest``."""
    picture = load_rgb(path)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return _planes(picture)
