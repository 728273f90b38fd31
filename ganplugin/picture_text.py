"""Text inside JPEG and WebP files: an EXIF comment of JSON, and the tags in which ComfyUI keeps its graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["exif_text", "json_text", "text_as_exif"]

_HOST_TAGS: Final = {"prompt": 0x0110, "workflow": 0x010F}
"""EXIF tags (Model, Make) in which ComfyUI keeps a graph and its drawing."""
_EXIF_IFD: Final = 0x8769
_USER_COMMENT: Final = 0x9286
_ASCII_COMMENT: Final = b"ASCII\0\0\0"


def text_as_exif(text: Mapping[str, str]) -> bytes:
    """Return an EXIF block whose user comment is ``text`` as JSON: how JPEG and WebP carry it.

    ComfyUI's window looks for its two entries in tags of their own, written ``prompt:…`` and ``workflow:…``.
    """
    from PIL import Image

    exif = Image.Exif()
    for key, tag in _HOST_TAGS.items():
        if key in text:
            exif[tag] = f"{key}:{text[key]}"
    rest = {key: value for key, value in text.items() if key not in _HOST_TAGS}
    if rest:
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _ASCII_COMMENT + json.dumps(rest).encode("ascii")
    return exif.tobytes()


def exif_text(exif: Image.Exif) -> dict[str, str]:
    """Return the text that `text_as_exif` put into an EXIF block; empty if there is none."""
    comment = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    tags = {key: exif.get(tag) for key, tag in _HOST_TAGS.items()}
    hosts = {
        key: value.removeprefix(f"{key}:")
        for key, value in tags.items()
        if isinstance(value, str) and value.startswith(f"{key}:")
    }
    return {**hosts, **json_text(comment.removeprefix(_ASCII_COMMENT) if isinstance(comment, bytes) else None)}


def json_text(data: bytes | None) -> dict[str, str]:
    """Return the JSON object of strings in ``data``; a foreign comment counts as no text."""
    try:
        entries = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    entries = entries if isinstance(entries, dict) else {}
    return {key: value for key, value in entries.items() if isinstance(value, str)}
