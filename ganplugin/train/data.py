"""Pictures of some places, packed once into memory: squares for a GAN, whole photos for a style."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ganplugin.decoding import decode_levels, read_bytes
from ganplugin.errors import ImageError, TrainingError

__all__ = ["PictureSet", "find_pictures", "load_photos", "load_rgb", "load_scaled", "pack_crops", "pack_squares"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
Pixels = NDArray[np.uint8]
Report = Callable[[str], None]


@dataclass(frozen=True)
class PictureSet:
    """Squares as uint8 [n, 3, size, size], and how many files they came from."""

    pixels: Pixels
    files: int
    skipped: tuple[str, ...]


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


def _readable(paths: list[Path], report: Report, skipped: list[str]) -> Iterator[Image.Image]:
    for path in paths:
        try:
            yield load_rgb(path)
        except TrainingError as error:
            skipped.append(path.name)
            report(f"skipped: {error}")


def pack_squares(places: Sequence[Path], size: int, *, report: Report) -> PictureSet:
    """Return each picture of some places as one square: the middle of it, scaled to ``size``.

    Broken files are reported and left out. Raises `TrainingError` if fewer than 16 remain.
    """
    paths, skipped = find_pictures(places), list[str]()
    squares = [
        _planes(ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS))
        for picture in _readable(paths, report, skipped)
    ]
    if len(squares) < 16:
        raise TrainingError(
            f"holds {len(squares)} readable pictures, at least 16 are needed",
            where=places[0],
            fix="add pictures, or cut many squares out of few large ones with --crops 10000",
        )
    return PictureSet(np.stack(squares), len(squares), tuple(skipped))


def pack_crops(places: Sequence[Path], size: int, *, count: int, seed: int, report: Report) -> PictureSet:
    """Return ``count`` random squares of the pictures of some places, large pictures giving more.

    A square's side is log-uniform from ``size`` to four times that (or the picture's shorter side) before it is
    scaled to ``size``. Raises `TrainingError` if no picture is large enough.
    """
    paths, skipped = find_pictures(places), list[str]()
    pictures = [picture for picture in _readable(paths, report, skipped) if min(picture.size) >= size]
    if not pictures:
        raise TrainingError(
            f"holds no readable picture of at least {size} px", where=places[0], fix="use a smaller --size"
        )
    random = np.random.default_rng(seed)
    areas = np.array([picture.width * picture.height for picture in pictures], dtype=np.float64)
    chosen = random.choice(len(pictures), size=count, p=areas / areas.sum())
    squares = [_planes(_random_crop(pictures[index], size, random)) for index in chosen]
    return PictureSet(np.stack(squares), len(pictures), tuple(skipped))


def _random_crop(picture: Image.Image, size: int, random: np.random.Generator) -> Image.Image:
    largest = min(picture.width, picture.height, 4 * size)
    side = size * (largest / size) ** random.random()
    left = random.random() * (picture.width - side)
    top = random.random() * (picture.height - side)
    return picture.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def _planes(picture: Image.Image) -> Pixels:
    return np.ascontiguousarray(np.asarray(picture, dtype=np.uint8).transpose(2, 0, 1))


def load_photos(places: Sequence[Path], *, shortest: int, least: int, report: Report) -> list[Pixels]:
    """Return the photos of some places as uint8 [3, h, w], made smaller so that the shorter side is ``shortest``.

    Smaller photos stay as they are if that side is at least ``least``, else they are left out. Raises
    `TrainingError` if none remains.
    """
    photos = []
    for picture in _readable(find_pictures(places), report, []):
        side = min(picture.size)
        if side > shortest:
            size = [max(shortest, round(length * shortest / side)) for length in picture.size]
            picture = picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)
        if side >= least:
            photos.append(_planes(picture))
    if not photos:
        raise TrainingError(f"holds no readable photo of at least {least} px", where=places[0], fix="use larger photos")
    return photos


def load_scaled(path: Path, *, longest: int) -> Pixels:
    """Return one picture as uint8 [3, h, w], made smaller so that its longer side is at most ``longest``."""
    picture = load_rgb(path)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return _planes(picture)
