"""Contact sheets: many pictures on one page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.captions import caption_font, shortened
from ganplugin.errors import ImageError, InputError
from ganplugin.images import from_uint8
from ganplugin.limits import MAX_PIXELS
from ganplugin.sizing import resize

if TYPE_CHECKING:
    from PIL import ImageFont

__all__ = ["PAPER", "contact_sheet"]

Pixels = NDArray[np.float32]
Colour = tuple[float, float, float]

PAPER: Final[Colour] = (0.97, 0.965, 0.955)
"""The ground of a sheet: a warm white."""

_SMALLEST_CELL: Final = 192
_LARGEST_CELL: Final = 512


def contact_sheet(
    pictures: Sequence[Pixels],
    *,
    columns: int = 0,
    cell: int | None = None,
    gap: int | None = None,
    background: Colour = PAPER,
    labels: Sequence[str] | None = None,
) -> Pixels:
    """Lay pictures out in rows on one page: float32 [H, W, 3] in 0..1.

    Each of ``pictures`` is float [h, w, 1 | 3 | 4] in 0..1, of any size: it is scaled to fit its cell, centred, and
    shown on ``background`` where it is transparent. ``columns`` = 0 makes the page nearly square. ``cell`` is the
    longer side of a cell in pixels, by default that of the largest picture within reason. ``gap`` pixels part the
    cells, by default a few and more where cells are large; twice as many frame the page. ``labels``, one a picture,
    are captions below.
    Raises `InputError` for no pictures, a wrong number of labels or a page of more than `MAX_PIXELS`.
    """
    _check(pictures, columns, cell, gap, labels)
    across = min(columns or _square_columns(pictures), len(pictures))
    down = math.ceil(len(pictures) / across)
    height, width = _cell_size(pictures, cell)
    gap = max(8, max(height, width) // 32) if gap is None else gap
    font = caption_font(min(max(width / 16, 10), 28))
    caption = 0 if labels is None else _caption_height(font)
    page = _page((down, across), (height + caption, width), gap, background)
    for index, picture in enumerate(pictures):
        top = 2 * gap + (index // across) * (height + caption + gap)
        left = 2 * gap + (index % across) * (width + gap)
        _paste(page, _fitted(_opaque(picture, background), height, width), top, left, (height, width))
        if labels is not None:
            _write(page[top + height : top + height + caption, left : left + width], labels[index], font)
    return page


def _check(
    pictures: Sequence[Pixels], columns: int, cell: int | None, gap: int | None, labels: Sequence[str] | None
) -> None:
    if not pictures:
        raise InputError("a contact sheet needs at least one picture")
    if any(p.ndim != 3 or p.shape[2] not in (1, 3, 4) or 0 in p.shape for p in pictures):
        raise ImageError("a contact sheet needs pictures of shape [h, w, 1 | 3 | 4]")
    if labels is not None and len(labels) != len(pictures):
        raise InputError(f"{len(labels)} labels for {len(pictures)} pictures", fix="give one label a picture")
    if columns < 0 or (gap or 0) < 0 or (cell is not None and cell < 1):
        raise InputError("columns and gap must not be negative, and a cell needs at least 1 pixel")


def _square_columns(pictures: Sequence[Pixels]) -> int:
    """Return how many columns make the page nearly square, preferring a count without an empty cell."""
    height, width = _proportions(pictures)
    ideal = math.sqrt(len(pictures) * height / width)
    candidates = range(max(1, math.ceil(ideal * 0.75)), math.ceil(ideal * 1.5) + 1)
    full = [count for count in candidates if len(pictures) % count == 0]
    return min(full, key=lambda count: abs(count - ideal)) if full else math.ceil(ideal)


def _proportions(pictures: Sequence[Pixels]) -> tuple[float, float]:
    """Return height and width of the smallest box that holds every picture scaled to a longer side of 1."""
    shapes = [(p.shape[0] / max(p.shape[:2]), p.shape[1] / max(p.shape[:2])) for p in pictures]
    return max(height for height, _ in shapes), max(width for _, width in shapes)


def _cell_size(pictures: Sequence[Pixels], cell: int | None) -> tuple[int, int]:
    if cell is None:
        side = max(max(p.shape[:2]) for p in pictures)
        cell = min(side * math.ceil(_SMALLEST_CELL / side), _LARGEST_CELL)
    height, width = _proportions(pictures)
    return max(round(cell * height), 1), max(round(cell * width), 1)


def _page(grid: tuple[int, int], cell: tuple[int, int], gap: int, background: Colour) -> Pixels:
    height, width = (count * (side + gap) + 3 * gap for count, side in zip(grid, cell, strict=True))
    if height * width > MAX_PIXELS:
        raise InputError(
            f"a sheet of {width} x {height} pixels is too large", fix="make cells smaller or use fewer pictures"
        )
    page = np.empty((height, width, 3), dtype=np.float32)
    page[:] = background
    return page


def _opaque(picture: Pixels, background: Colour) -> Pixels:
    colours = np.broadcast_to(picture, (*picture.shape[:2], 3)) if picture.shape[2] == 1 else picture[..., :3]
    colours = np.clip(colours, 0, 1).astype(np.float32)
    if picture.shape[2] < 4:
        return colours
    alpha = np.clip(picture[..., 3:], 0, 1)
    shown: Pixels = colours * alpha + np.asarray(background, dtype=np.float32) * (1 - alpha)
    return shown


def _fitted(picture: Pixels, height: int, width: int) -> Pixels:
    rows, columns = picture.shape[:2]
    factor = min(height / rows, width / columns)
    return resize(picture, max(round(columns * factor), 1), max(round(rows * factor), 1))


def _paste(page: Pixels, picture: Pixels, top: int, left: int, cell: tuple[int, int]) -> None:
    rows, columns = picture.shape[:2]
    top += (cell[0] - rows) // 2
    left += (cell[1] - columns) // 2
    page[top : top + rows, left : left + columns] = picture


def _caption_height(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    return math.ceil(font.getbbox("Ag")[3] * 1.6)


def _write(area: Pixels, label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> None:
    """Blend a caption into ``area``, a part of the page, shortened to its width, light on dark ground."""
    from PIL import Image, ImageDraw

    height, width = area.shape[:2]
    ink = Image.new("L", (width, height), 0)
    text = shortened(label, width, font)
    ImageDraw.Draw(ink).text((width / 2, height / 2), text, fill=255, font=font, anchor="mm")
    strength = from_uint8(np.asarray(ink))[..., None] * 0.72
    colour = 0.0 if float(area.mean()) > 0.5 else 1.0
    area[:] = area * (1 - strength) + colour * strength
