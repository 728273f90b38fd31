"""A page that lays the curves of several runs over one another, with their last sheets side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ganplugin.files import atomic_write
from ganplugin.pages.template import Page
from ganplugin.train.page.charted import chart_data, clock_data
from ganplugin.train.page.charts import Chart, loss_charts, metric_charts
from ganplugin.train.page.comparing import Compared, Comparison
from ganplugin.train.page.track import Track

__all__ = ["comparison_data", "write_comparison_page"]

_POINTS: Final = 240
_TEMPLATE: Final = Page(
    files("ganplugin.train.page"),
    "compare.html",
    "style.css",
    ("chart.js", "panels.js", "compare.js"),
)


def write_comparison_page(comparison: Comparison, path: Path, *, overwrite: bool) -> Path:
    """Write the page; sheets stay in their runs' folders. Raises `FileError` if the file exists and must stay."""
    data = comparison_data(comparison, path.resolve().parent)
    text = _TEMPLATE.text(title=data["title"], summary="Runs compared", blocks={}, data=data)
    with atomic_write(path, overwrite=overwrite) as part:
        part.write_text(text, encoding="utf-8", errors="replace")
    return path


def comparison_data(comparison: Comparison, beside: Path) -> dict[str, Any]:
    """Return what the page's script reads. Paths of sheets are as seen from the folder ``beside``."""
    runs = comparison.runs
    return {
        "title": f"{len(runs)} runs" if len(runs) > 1 else runs[0].name,
        "warnings": list(comparison.warnings),
        "runs": [_run(run, beside) for run in runs],
        "groups": [_group(runs, group) for group in sorted({run.group for run in runs})],
        "losses": _charts(runs, lambda run: run.story.losses, loss_charts),
    }


def _run(run: Compared, beside: Path) -> dict[str, Any]:
    grids = run.story.grids
    return {
        **run.facts(),
        "verdict": run.verdict,
        "grid": _seen_from(run.story.folder.resolve() / grids[-1].path, beside) if grids else None,
    }


def _seen_from(path: Path, beside: Path) -> str:
    """Return a file's relative address; its whole one if it lies on another drive."""
    try:
        return Path(os.path.relpath(path, beside)).as_posix()
    except ValueError:
        return path.as_uri()


def _group(runs: Sequence[Compared], group: int) -> dict[str, Any]:
    """Return the charts of runs whose numbers compare: those of other groups have charts of their own."""
    own = [run for run in runs if run.group == group]
    words = [own[0].story.fact("data"), own[0].measured_by and f"seen by {own[0].measured_by}"]
    return {
        "title": ", ".join(word for word in words if word),
        "names": [run.name for run in own],
        "charts": _charts(runs, lambda run: run.story.metrics if run.group == group else Track(), metric_charts),
    }


def _charts(
    runs: Sequence[Compared], track: Callable[[Compared], Track], charted: Callable[[Sequence[str]], list[Chart]]
) -> list[dict[str, Any]]:
    """Return one chart for each number, with a line for each run that has it."""
    tracks = [track(run).thinned(_POINTS) for run in runs]
    names = list(dict.fromkeys(name for one in tracks for name in one.bands))
    singles = [(chart, name) for chart in charted(names) for name in chart.lines]
    found = []
    for chart, name in singles:
        lines = []
        for number, (run, thinned) in enumerate(zip(runs, tracks, strict=True)):
            drawn = chart_data(Chart(chart.title, {name: run.name}), thinned)["lines"]
            lines += [{**line, **clock_data(thinned), "colour": number} for line in drawn]
        if lines:
            found.append({**_words(chart, name), "lines": [_bare(line) for line in lines]})
    return found


def _words(chart: Chart, name: str) -> dict[str, Any]:
    alone = len(chart.lines) == 1
    return {
        "name": name,
        "title": chart.title if alone else f"{chart.lines[name][0].upper()}{chart.lines[name][1:]}",
        "words": chart.words if alone else "",
        "unit": chart.unit,
        "ideal": chart.ideal,
        "log": chart.logarithmic,
    }


def _bare(line: dict[str, Any]) -> dict[str, Any]:
    """Leave the shades away: those of several runs would hide one another."""
    return {key: value for key, value in line.items() if key not in ("low", "high", "sure", "step", "every")}
