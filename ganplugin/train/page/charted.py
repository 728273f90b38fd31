"""A run's numbers as the page's script draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganplugin.train.page.charts import Chart
from ganplugin.train.page.track import Band, Thinned, Track

__all__ = ["chart_data", "clock_data", "drawn"]


def drawn(track: Track, charts: Sequence[Chart], most: int) -> dict[str, Any]:
    """Return a track of at most ``most`` pieces with its charts."""
    thinned = track.thinned(most)
    shown = [data for chart in charts if (data := chart_data(chart, thinned))["lines"]]
    return {**clock_data(thinned), "charts": shown}


def clock_data(thinned: Thinned) -> dict[str, Any]:
    """Return when each piece was, and how many entries it stands for."""
    seconds = [None if value is None else round(value / 60, 3) for value in thinned.seconds]
    return {"step": thinned.step, "kimg": thinned.kimg, "minutes": seconds, "every": thinned.every}


def chart_data(chart: Chart, thinned: Thinned) -> dict[str, Any]:
    """Return a chart with the values of its lines."""
    lines = [
        {"name": name, "label": label, **_line(name, thinned)}
        for name, label in chart.lines.items()
        if name in thinned.bands and any(value is not None for value in thinned.bands[name].mean)
    ]
    return {
        "title": chart.title,
        "words": chart.words,
        "unit": chart.unit,
        "ideal": chart.ideal,
        "log": chart.logarithmic,
        "lines": lines,
    }


def _line(name: str, thinned: Thinned) -> dict[str, Any]:
    band, deviation = thinned.bands[name], thinned.bands.get(f"{name}_std")
    if deviation is not None:
        return {"mean": band.mean, "low": _moved(band, deviation, -1), "high": _moved(band, deviation, 1), "sure": True}
    if thinned.every == 1:
        return {"mean": band.mean}
    return {"mean": band.mean, "low": band.low, "high": band.high}


def _moved(band: Band, deviation: Band, sign: int) -> list[float | None]:
    pairs = zip(band.mean, deviation.mean, strict=True)
    return [None if a is None or b is None else float(f"{a + sign * b:.5g}") for a, b in pairs]
