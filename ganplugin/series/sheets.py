"""Contact sheets of a series for print: pages of paper, as pictures and as one PDF."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ganplugin.captions import caption_font, shortened
from ganplugin.errors import InputError
from ganplugin.files import atomic_write, make_folder
from ganplugin.images import PICTURE_SUFFIXES, read_fitted
from ganplugin.series.collection import Collection, Work
from ganplugin.series.derived import sweep

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

__all__ = ["DOTS_PER_INCH", "PAPERS", "SHEETS", "write_sheets"]

SHEETS: Final = "sheets"
"""The folder of the sheets, below that of the series."""

DOTS_PER_INCH: Final = 300
PAPERS: Final = {"a4": (210.0, 297.0), "a3": (297.0, 420.0), "letter": (215.9, 279.4)}
"""Width and height in millimetres."""

_INK, _GREY, _EMPTY, _WHITE = (26, 25, 23), (110, 106, 100), (232, 230, 226), (255, 255, 255)
_MARGIN, _HEADING, _FOOT, _GAP, _CAPTION = 15.0, 24.0, 9.0, 5.0, 6.0
_NARROWEST_COLUMN = 40.0
_PDF_QUALITY: Final = 92


def _dots(millimetres: float) -> int:
    return round(millimetres / 25.4 * DOTS_PER_INCH)


@dataclass(frozen=True)
class _Layout:
    """How pages are divided; all lengths in dots. The first page has fewer rows, for it has the heading."""

    page: tuple[int, int]
    cell: tuple[int, int]
    gap: int
    columns: int
    rows: int
    first_rows: int

    def pages(self, works: Sequence[Work]) -> list[Sequence[Work]]:
        first, full = self.first_rows * self.columns, self.rows * self.columns
        return [works[:first], *(works[start : start + full] for start in range(first, len(works), full))]


@dataclass(frozen=True)
class _Page:
    number: int
    of: int
    works: Sequence[Work]


def write_sheets(
    collection: Collection,
    folder: Path,
    *,
    formats: Names[str] = ("png", "pdf"),
    paper: str = "a4",
    columns: int = 0,
    rows: int = 0,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Path, ...]:
    """Write the works of a collection on sheets of 300 dots an inch below ``folder``/sheets; return the files.

    ``png`` gives a picture a page, ``pdf`` one document. ``columns`` and ``rows`` of a page are chosen where they are
    0; more rows than the paper has room for make narrower pictures. One page is held at a time. Of a film the
    thumbnail is shown, an empty field where there is none. ``report`` hears how many pages of how many are done.
    Sheets of an earlier run are replaced.
    Raises `InputError` for no works, an unknown paper or format, `ImageError` or `FileError` for a work's file.
    """
    _check(collection, formats, paper, columns, rows)
    place = make_folder(folder / SHEETS)
    layout = _layout(collection, PAPERS[paper], columns, rows)
    parts = layout.pages(collection.works)
    pages = [_Page(number, len(parts), works) for number, works in enumerate(parts, 1)]
    pictures = {page.number: place / f"sheet-{page.number:0{len(str(len(parts)))}}.png" for page in pages}
    document = place / "sheets.pdf"
    with _document(document if "pdf" in formats else None) as pdf:
        for page in pages:
            image = _drawn(page, layout, collection, folder)
            if "png" in formats:
                _save_picture(image, pictures[page.number])
            if pdf:
                _append(image, pdf, collection, is_first=page.number == 1)
            report(page.number, page.of)
    written = [*(pictures.values() if "png" in formats else ()), *([document] if "pdf" in formats else ())]
    sweep(place, r"sheet-\d+\.png|sheets\.pdf", {path.name for path in written})
    return tuple(written)


def _check(collection: Collection, formats: Names[str], paper: str, columns: int, rows: int) -> None:
    if not collection.works:
        raise InputError("contact sheets need at least one work")
    if paper not in PAPERS:
        raise InputError(f"there is no paper {paper!r}", fix=f"choose one of {', '.join(PAPERS)}")
    if not formats or not set(formats) <= {"png", "pdf"}:
        raise InputError("contact sheets are written as png, as pdf, or as both")
    if columns < 0 or rows < 0:
        raise InputError("columns and rows must not be negative")


def _layout(collection: Collection, paper: tuple[float, float], columns: int, rows: int) -> _Layout:
    width, height = (_dots(side - 2 * _MARGIN) for side in paper)
    room = height - _dots(_FOOT)
    shape = _common_shape(collection.works)
    across = columns or _fewest_columns(len(collection.works), width, room - _dots(_HEADING), shape)
    gap = min(_dots(_GAP), width // across // 6)
    cell = (width - (across - 1) * gap) // across
    if rows:
        cell = min(cell, math.floor(((room - _dots(_HEADING)) / rows - _dots(_CAPTION) - gap) * shape))
    if cell < _dots(2):
        raise InputError("the pictures would be narrower than 2 mm", fix="use fewer columns or rows")
    size = (cell, max(round(cell / shape), 1))
    fit = [max(1, (space + gap) // (size[1] + _dots(_CAPTION) + gap)) for space in (room, room - _dots(_HEADING))]
    most, first = (min(count, rows) if rows else count for count in fit)
    return _Layout((_dots(paper[0]), _dots(paper[1])), size, gap, across, most, first)


def _common_shape(works: Sequence[Work]) -> float:
    """Return width by height of a cell: the widest work's beside the tallest's would leave both small."""
    shapes = sorted(work.width / work.height for work in works if work.width and work.height)
    return min(max(shapes[len(shapes) // 2], 0.5), 2.0) if shapes else 1.0


def _fewest_columns(count: int, width: int, room: int, shape: float) -> int:
    """Return the fewest columns that show all works on one page, but none narrower than `_NARROWEST_COLUMN`."""
    most = max(2, (width + _dots(_GAP)) // _dots(_NARROWEST_COLUMN + _GAP))
    for columns in range(1, most):
        cell = (width - (columns - 1) * _dots(_GAP)) / columns
        if columns * ((room + _dots(_GAP)) // (cell / shape + _dots(_CAPTION + _GAP))) >= count:
            return columns
    return most


def _drawn(page: _Page, layout: _Layout, collection: Collection, folder: Path) -> Image.Image:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", layout.page, _WHITE)
    draw = ImageDraw.Draw(image)
    top = _dots(_MARGIN)
    if page.number == 1:
        _write_heading(draw, layout.page[0], collection)
        top += _dots(_HEADING)
    used = layout.columns * layout.cell[0] + (layout.columns - 1) * layout.gap
    left = (layout.page[0] - used) // 2
    for index, work in enumerate(page.works):
        x = left + index % layout.columns * (layout.cell[0] + layout.gap)
        y = top + index // layout.columns * (layout.cell[1] + _dots(_CAPTION) + layout.gap)
        shown = _shown_file(work)
        if shown is None:
            draw.rectangle((x, y, x + layout.cell[0] - 1, y + layout.cell[1] - 1), _EMPTY)
        else:
            _paste(image, read_fitted(folder / shown, *layout.cell), (x, y), layout.cell)
        _write_caption(draw, work, (x, y + layout.cell[1]), layout.cell[0])
    _write_foot(draw, page, layout.page, collection)
    return image


def _shown_file(work: Work) -> str | None:
    """Return the first file of a work that is a picture, its thumbnail at last."""
    files = (*work.files, work.thumbnail)
    return next((path for path in files if PurePosixPath(path).suffix.lower() in PICTURE_SUFFIXES), None)


def _paste(page: Image.Image, picture: Image.Image, place: tuple[int, int], cell: tuple[int, int]) -> None:
    """Put a picture at the bottom of its cell, in the middle: captions stand close to all of them."""
    x, y = place[0] + (cell[0] - picture.width) // 2, place[1] + cell[1] - picture.height
    page.paste(picture.convert("RGB"), (x, y), picture.getchannel("A") if picture.mode == "RGBA" else None)


def _write_heading(draw: ImageDraw.ImageDraw, width: int, collection: Collection) -> None:
    left, room = _dots(_MARGIN), width - 2 * _dots(_MARGIN)
    title, small = caption_font(_dots(9)), caption_font(_dots(3.2))
    draw.text((left, left), shortened(collection.title, room, title), _INK, title, anchor="lt")
    number = len(collection.works)
    facts = (collection.author, f"{number:,} {'work' if number == 1 else 'works'}", collection.license)
    line = "  ·  ".join(fact for fact in facts if fact)
    draw.text((left, left + _dots(12.5)), shortened(line, room, small), _GREY, small, anchor="lt")


def _write_caption(draw: ImageDraw.ImageDraw, work: Work, place: tuple[int, int], width: int) -> None:
    font = caption_font(min(_dots(2.6), width / 8))
    number = str(work.number)
    y = place[1] + _dots(1.8)
    draw.text((place[0] + width, y), number, _GREY, font, anchor="ra")
    room = width - font.getlength(number + "  ")
    draw.text((place[0], y), shortened(work.title, room, font), _INK, font, anchor="la")


def _write_foot(draw: ImageDraw.ImageDraw, page: _Page, size: tuple[int, int], collection: Collection) -> None:
    font = caption_font(_dots(2.6))
    left, y = _dots(_MARGIN), size[1] - _dots(_MARGIN)
    number = f"{page.number} / {page.of}"
    draw.text((size[0] - left, y), number, _GREY, font, anchor="rs")
    if page.number > 1:
        room = size[0] - 2 * left - font.getlength(number + "    ")
        draw.text((left, y), shortened(collection.title, room, font), _GREY, font, anchor="ls")


def _save_picture(image: Image.Image, path: Path) -> None:
    with atomic_write(path, overwrite=True) as part:
        image.save(part, "PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH), compress_level=4)


@contextlib.contextmanager
def _document(path: Path | None) -> Iterator[Path | None]:
    if path is None:
        yield None
        return
    with atomic_write(path, overwrite=True) as part:
        yield part


def _append(image: Image.Image, path: Path, collection: Collection, *, is_first: bool) -> None:
    """Add a page to a PDF. No times are written into it: the same pages give the same bytes."""
    image.save(
        path,
        "PDF",
        append=not is_first,
        resolution=DOTS_PER_INCH,
        quality=_PDF_QUALITY,
        title=collection.title if is_first else None,
        author=collection.author if is_first else None,
        creationDate=None,
        modDate=None,
    )
