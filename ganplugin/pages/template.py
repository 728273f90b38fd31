"""A page put together from its parts, with a policy that lets it run its own code and reach nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.abc import Traversable

__all__ = ["Page", "data_text"]

_POLICY: Final = (
    "default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; style-src {style}; script-src {scripts}; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Page:
    """A kind of page: the parts in ``folder`` that it is made of, beside those that all pages share.

    ``body`` is HTML with ``{{name}}`` where something is put in; ``scripts`` run in their order, after the shared ones.
    ``sources`` are words of the policy for scripts that it loads from files beside it.
    """

    folder: Traversable
    body: str
    style: str
    scripts: tuple[str, ...]
    sources: str = ""

    def text(self, *, title: str, summary: str, blocks: Mapping[str, str], data: object) -> str:
        """Return the page. ``title`` and ``summary`` are plain text, ``blocks`` HTML for the body; ``data`` is JSON.

        The scripts find the data in the element of the id ``data``.
        """
        shared = files("ganplugin.pages")
        style, theme = _read(shared, "ground.css") + _read(self.folder, self.style), _read(shared, "theme.js")
        own = [_read(self.folder, name) for name in self.scripts]
        scripts = "\n".join(['"use strict";', _read(shared, "elements.js"), _read(shared, "theme_button.js"), *own])
        allowed = f"{_allowed(theme)} {_allowed(scripts)} {self.sources}".rstrip()
        named = {"title": html.escape(title), "theme_button": _read(shared, "theme_button.html").rstrip()}
        frame = {
            **named,
            "policy": html.escape(_POLICY.format(style=_allowed(style), scripts=allowed), quote=False),
            "summary": html.escape(" ".join(summary.split())[:300]),
            "style": style,
            "theme": theme,
            "body": _filled(_read(self.folder, self.body), {**named, **blocks}),
            "data": data_text(data),
            "scripts": scripts,
        }
        return _filled(_read(shared, "frame.html"), frame)


def data_text(data: object) -> str:
    """Return JSON in which nothing can end the element around it, and which is JavaScript, too."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "&<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _filled(template: str, blocks: Mapping[str, str]) -> str:
    # One pass over the template alone: what is put in is never looked at again.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: blocks[found[1]], template)


def _read(folder: Traversable, name: str) -> str:
    return folder.joinpath(name).read_text(encoding="utf-8")


def _allowed(text: str) -> str:
    """Return the policy's word for one piece of code and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
