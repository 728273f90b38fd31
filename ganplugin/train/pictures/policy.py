"""How pictures of any size and kind become frames of one size: the policy, and the cutting."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ganplugin.errors import InputError

__all__ = ["Pad", "Policy", "Way", "parse_colour", "parse_size"]

Way = Literal["crop", "pad", "squash", "patches"]
Pad = Literal["white", "black", "mirror", "clear"]

_SIZE = re.compile(r"([0-9]{1,5})(?:[x×]([0-9]{1,5}))?")
_LARGEST = 4096


class Policy(BaseModel):
    """What is done to every picture; the same policy on the same picture gives the same bytes.

    ``way`` is how it comes to ``width`` x ``height`` pixels: ``crop`` takes the middle, ``pad`` shows all of it and
    fills the rest with ``pad``, ``squash`` shows all of it distorted, ``patches`` takes ``count`` random pieces of
    all pictures together. ``channels`` is 1 (grey), 3, or 4 (with alpha); 0 chooses grey where every picture is.
    Where alpha is not kept, the picture lies on ``background``, three levels 0..255. ``classes`` labels pictures by
    the uppermost folder that they lie in. ``seed`` decides the patches.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=64, ge=1, le=_LARGEST)
    height: int = Field(default=64, ge=1, le=_LARGEST)
    way: Way = "crop"
    pad: Pad = "white"
    channels: Literal[0, 1, 3, 4] = 0
    background: tuple[int, int, int] = (255, 255, 255)
    classes: bool = False
    count: int = Field(default=0, ge=0, le=10_000_000)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height of ``64`` or ``96x64``. Raises `InputError` for anything else, or sides over 4096."""
    match = _SIZE.fullmatch(text.strip())
    sides = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not all(1 <= side <= _LARGEST for side in sides):
        raise InputError(f"{text!r} is not a size", fix=f"write 64, or width x height as 96x64, up to {_LARGEST}")
    return sides


def parse_colour(text: str) -> tuple[int, int, int]:
    """Return the three levels 0..255 of a colour's name or ``#rrggbb``. Raises `InputError` for anything else."""
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise InputError(f"{text!r} is not a colour", fix="write a name such as white, or #rrggbb") from error
    return red, green, blue
