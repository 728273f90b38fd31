"""A sheet of samples in the terminal: two pixels a character, no window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["preview"]

_WIDEST = 132
_SPARED_LINES = 4
_UPPER_HALF = "▀"


def preview(sheet: Path, console: Console) -> Text | None:
    """Return a PNG as coloured half blocks, as wide as the console and at most 132 characters, or None without colours.

    What is higher than the console is cut off below, as smaller pictures would show nothing.
    """
    if not console.is_terminal or console.color_system is None:
        return None
    with Image.open(sheet) as opened:
        image = opened.convert("RGB")
    width = min(image.width, _WIDEST, console.width - 1)
    height = max(1, round(image.height * width / image.width))
    small = image.resize((width, height), Image.Resampling.BOX)
    lines = min(-(-height // 2), max(1, console.height - _SPARED_LINES))
    return _blocks(small.crop((0, 0, width, 2 * lines)))


def _blocks(image: Image.Image) -> Text:
    from rich.text import Text

    lines = [Text.assemble(*_line(image, top), end="") for top in range(0, image.height, 2)]
    return Text("\n").join(lines)


def _line(image: Image.Image, top: int) -> Iterator[tuple[str, str]]:
    for left in range(image.width):
        yield _UPPER_HALF, f"{_colour(image, left, top)} on {_colour(image, left, top + 1)}"


def _colour(image: Image.Image, left: int, top: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*_levels(image, left, top))


def _levels(image: Image.Image, left: int, top: int) -> tuple[int, int, int]:
    found = image.getpixel((left, top))
    return found if isinstance(found, tuple) and len(found) == 3 else (0, 0, 0)
