"""The gallery of a series: one page that needs no network, no server and no framework."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from ganplugin.pages.template import Page
from ganplugin.series.collection import Collection, Work
from ganplugin.series.derived import write_derived
from ganplugin.series.facets import Facet, facets_of, rarities, shown

__all__ = ["PAGE", "gallery_page", "write_gallery"]

PAGE: Final = "index.html"
"""The name of the page in the series' folder."""

_PAGE: Final = Page(
    files("ganplugin.series").joinpath("page"),
    "body.html",
    "style.css",
    ("collection.js", "address.js", "grid.js", "traits.js", "piece.js", "script.js"),
)
_FILMS: Final = (".mp4", ".webm", ".mov", ".m4v", ".mkv")
_PICTURES: Final = (".png", ".webp", ".jpg", ".jpeg", ".gif", ".avif", ".bmp")


def write_gallery(collection: Collection, folder: Path) -> Path:
    """Write ``folder``/index.html, which shows the files of the collection below ``folder``, and return its path.

    The page works from a disk as from a server; its own policy forbids it the network. A page that is there is
    replaced; the same collection gives the same bytes.
    """
    return write_derived(folder / PAGE, gallery_page(collection))


def gallery_page(collection: Collection) -> str:
    """Return the page as text. All that people wrote is escaped in it."""
    blocks = {
        "byline": _element("p", "byline", collection.author),
        "description": "".join(_element("p", "", text) for text in _paragraphs(collection.description)),
        "facts": _facts(collection),
    }
    return _PAGE.text(title=collection.title, summary=collection.description, blocks=blocks, data=page_data(collection))


def page_data(collection: Collection) -> dict[str, Any]:
    """Return what the page's script reads, column by column, which is shorter than work by work."""
    works = collection.works
    facets = facets_of(collection)
    sights = [_sight(work) for work in works]
    return {
        "numbers": [work.number for work in works],
        "titles": [work.title for work in works],
        "thumbnails": [work.thumbnail for work in works],
        "sights": [path for path, _ in sights],
        "films": [number for number, (_, is_film) in enumerate(sights) if is_film],
        "files": [list(work.files) for work in works],
        "digests": [work.digest for work in works],
        "scores": [_rounded(work.score) for work in works],
        "sizes": [[work.width, work.height] for work in works],
        "rarities": rarities(facets, len(works)),
        "traits": [_trait(facet) for facet in facets],
        "changes": [[key, _column(works, key)] for key in _changed(works)],
        "models": [[name, digest] for name, digest in sorted(collection.models.items())],
        "source": collection.source,
    }


def _trait(facet: Facet) -> dict[str, Any]:
    own = [None if value is None else shown(value) for value in facet.values] if facet.is_measure else []
    return {
        "name": facet.name,
        "groups": facet.groups,
        "counts": facet.counts,
        "of": [-1 if group is None else group for group in facet.of],
        "own": own,
        "number": facet.is_number,
    }


def _changed(works: Sequence[Work]) -> list[str]:
    return list(dict.fromkeys(key for work in works for key in work.changes))


def _column(works: Sequence[Work], key: str) -> list[str | None]:
    return [_written(work.changes, key) for work in works]


def _written(changes: Mapping[str, object], key: str) -> str | None:
    """Return a setting as text: JavaScript would round large whole numbers."""
    value = changes.get(key)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _sight(work: Work) -> tuple[str, bool]:
    """Return the file that browsers can show best, the first if they can, and whether it is a film."""
    for path in work.files:
        suffix = PurePosixPath(path).suffix.lower()
        if suffix in _FILMS or suffix in _PICTURES:
            return path, suffix in _FILMS
    return work.thumbnail, False


def _rounded(score: float | None) -> float | None:
    return round(score, 6) if score is not None and math.isfinite(score) else None


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def _element(tag: str, kind: str, text: str) -> str:
    return f'<{tag} class="{kind}">{html.escape(text)}</{tag}>' if text.strip() else ""


def _facts(collection: Collection) -> str:
    number = len(collection.works)
    facts = [f"{number:,} {'work' if number == 1 else 'works'}", collection.license]
    items = "".join(_element("li", "", fact) for fact in facts)
    return items + _link_item(collection.link)


def _link_item(link: str) -> str:
    """Return a link, if its address is one of the web: a page must not run what a series file calls its link."""
    try:
        parts = urlsplit(link.strip())
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    address = html.escape(link.strip())
    return f'<li><a href="{address}" rel="noopener noreferrer">{html.escape(parts.hostname)}</a></li>'
