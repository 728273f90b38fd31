"""``run.html``, the page that a training is watched on, and ``run.js``, from which it learns what is new.

A page on a disk may not fetch files, but it may load a script: so what is new comes as one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ganplugin.files import atomic_write
from ganplugin.pages.template import Page, data_text
from ganplugin.train.page.charted import drawn
from ganplugin.train.page.charts import loss_charts, metric_charts
from ganplugin.train.page.commands import export_command, resume_command
from ganplugin.train.page.folder import COPIES
from ganplugin.train.page.standing import Standing
from ganplugin.train.page.story import Picture, Story, read_story

__all__ = ["DATA", "PAGE", "page_data", "run_page", "write_run_page"]

PAGE, DATA = "run.html", "run.js"

_POINTS: Final = 500
_PICTURES: Final = 400
_NOTICES: Final = 30
_IN_THE_HEAD: Final = ("recipe", "data", "pictures", "picture", "command")
_TEMPLATE: Final = Page(
    files("ganplugin.train.page"),
    "body.html",
    "style.css",
    ("chart.js", "panels.js", "grids.js", "watch.js"),
    sources="'self' file:",
)


def write_run_page(folder: Path, standing: Standing) -> Path:
    """Write ``run.html`` and ``run.js`` into a run's folder and return the page's path.

    Both have at most two megabytes, however long the run is. Raises what `read_story` and `atomic_write` raise.
    """
    data = page_data(read_story(folder), standing)
    for name, text in ((DATA, f"ganpluginRun({data_text(data)});\n"), (PAGE, run_page(data))):
        with atomic_write(folder / name, overwrite=True) as part:
            part.write_text(text, encoding="utf-8", errors="replace")
    return folder / PAGE


def run_page(data: Mapping[str, Any]) -> str:
    """Return the page as text. All that people wrote is escaped in it."""
    return _TEMPLATE.text(title=data["name"], summary=f"The training of {data['name']}", blocks={}, data=data)


def page_data(story: Story, standing: Standing) -> dict[str, Any]:
    """Return what the page's script reads."""
    return {
        "name": story.name,
        "written": round(time.time(), 1),
        "state": standing.state,
        "trouble": standing.words,
        "part": round(standing.part, 5),
        "left": None if standing.left is None else round(standing.left),
        "every": standing.every,
        "step": standing.step,
        "seen": standing.seen,
        "seconds": round(standing.seconds, 1),
        "recipe": story.fact("recipe"),
        "data": story.fact("data"),
        "pictures": story.facts.get("pictures"),
        "size": _size(story.facts.get("picture")),
        "facts": _facts(story),
        "backbones": story.backbones,
        "losses": drawn(story.losses, loss_charts(story.losses.lively), _POINTS),
        "metrics": drawn(story.metrics, metric_charts(story.metrics.names), _POINTS),
        "verdicts": [vars(verdict) for verdict in story.verdicts],
        "notices": [vars(notice) for notice in story.warnings[-_NOTICES:]],
        "grids": _pictures(story.grids, standing),
        "strips": _pictures(story.strips, standing),
        "copies": COPIES if story.has_copies else None,
        "resume": resume_command(story, standing),
        "export": export_command(story),
    }


def _pictures(pictures: Sequence[Picture], standing: Standing) -> list[list[object]]:
    """Return path, step, thousand pictures and minutes of some pictures; the first and the last are among them.

    Those of steps that a resumed run has not done again are left out.
    """
    known = [picture for picture in pictures if picture.step <= standing.step]
    every = max(1, -(-len(known) // _PICTURES))
    return [
        [one.path, one.step, _rounded(one.kimg), None if one.seconds is None else _rounded(one.seconds / 60)]
        for index, one in enumerate(known)
        if index % every == 0 or index == len(known) - 1
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def _size(picture: object) -> str:
    if not isinstance(picture, dict):
        return ""
    channels = {1: "grey", 3: "colour", 4: "with alpha"}.get(picture.get("channels", 0), "")
    classes = f", {picture['classes']} classes" if picture.get("classes") else ""
    return f"{picture.get('width')} × {picture.get('height')}, {channels}{classes}"


def _facts(story: Story) -> list[list[str]]:
    """Return facts, options and versions as rows of text."""
    apart = (*_IN_THE_HEAD, "options", "given", "versions")
    plain = {name: value for name, value in story.facts.items() if name not in apart}
    return _rows("", plain) + _rows("", _given(story)) + _rows("", story.facts.get("versions"))


def _given(story: Story) -> dict[str, object]:
    """Return the options that were given and are not told among the facts; the others are defaults."""
    options, given = story.facts.get("options"), story.facts.get("given")
    if not isinstance(options, dict):
        return {}
    shown = given if isinstance(given, list) else list(options)
    return {name: value for name, value in options.items() if name in shown and name not in story.facts}


def _rows(before: str, found: object) -> list[list[str]]:
    if not isinstance(found, dict):
        return []
    rows: list[list[str]] = []
    for key, value in found.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, dict):
            rows += _rows(f"{name}: ", value)
        elif value is not None:
            rows.append([name, "yes" if value is True else "no" if value is False else str(value)])
    return rows
