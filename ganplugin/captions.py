"""Text below pictures: its font, and how a line that is too long is shortened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

__all__ = ["caption_font", "shortened"]


def caption_font(size: float) -> Font:
    """Return the font of captions, ``size`` pixels high: the one that Pillow brings, so that pages look alike."""
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def shortened(text: str, width: float, font: Font) -> str:
    """Return ``text`` as one line that is no wider than ``width`` pixels, with … where something was left out."""
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    kept = len(text)
    while kept and font.getlength(text[:kept].rstrip() + "…") > width:
        kept -= 1
    return text[:kept].rstrip() + "…"
