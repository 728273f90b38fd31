"""Which numbers of a run share a chart, and what is said beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ganplugin.train.metrics.numbers import NUMBERS, Number

__all__ = ["Chart", "loss_charts", "metric_charts"]


@dataclass(frozen=True)
class Chart:
    """A chart: the names of its values and their labels, its title and unit, a value to reach, and words below it.

    ``logarithmic`` is how it opens, where all values are above 0.
    """

    title: str
    lines: Mapping[str, str]
    words: str = ""
    unit: str = ""
    ideal: float | None = None
    logarithmic: bool = False
    seen_by_backbone: bool = field(default=False, compare=False)


_LOSSES = (
    Chart("Losses", {"scorer": "scorer", "generator": "generator"}, "A gap that keeps growing means that one has won."),
    Chart(
        "Scores",
        {"real": "real pictures", "made": "made pictures"},
        "What the scorer gives to either. Where they meet, it cannot tell them apart.",
    ),
    Chart("Penalty", {"penalty": "penalty"}, "How steep the scorer is, with its weight."),
    Chart("Augmentation", {"chance": "chance"}, "How likely a picture is changed before the scorer sees it."),
)

_METRICS = (
    ("KID", ("kid",), ""),
    ("FID", ("fid",), ""),
    ("Inception Score", ("is",), ""),
    ("Precision and recall", ("precision", "recall"), ""),
    ("Density and coverage", ("density", "coverage"), ""),
    ("Diversity", ("diversity",), ""),
    ("Doubles and copies", ("duplicates", "copies"), ""),
    ("Nearest training picture", ("nearest_ratio",), ""),
    ("Spectrum", ("spectrum",), "dB"),
    ("Sharpness and checkerboard", ("sharpness", "checkerboard"), "dB"),
    ("Percentile", ("percentile",), "%"),
    ("Different pictures", ("support",), ""),
)
_LOGARITHMIC = ("kid", "fid", "support")


def loss_charts(names: Sequence[str]) -> list[Chart]:
    """Return the charts of these losses; each that we do not know gets its own."""
    known = [_cut(chart, names) for chart in _LOSSES]
    told = {name for chart in _LOSSES for name in chart.lines}
    other = [Chart(_title(name), {name: name}) for name in names if name not in told]
    return [chart for chart in known if chart.lines] + other


def metric_charts(names: Sequence[str]) -> list[Chart]:
    """Return the charts of these metrics. What says how sure another one is (``…_std``) becomes its band."""
    shown = [name for name in names if not _is_beside(name, names)]
    known = [_metric_chart(title, present, unit) for title, group, unit in _METRICS if (present := _in(group, shown))]
    told = {name for _, group, _ in _METRICS for name in group}
    return known + [Chart(_title(name), {name: name}) for name in shown if name not in told]


def _is_beside(name: str, names: Sequence[str]) -> bool:
    """Return whether a number is told with another one, or is the seconds that measuring took."""
    return name == "took" or (name.endswith("_std") and name.removesuffix("_std") in names)


def _metric_chart(title: str, names: Sequence[str], unit: str) -> Chart:
    numbers = [NUMBERS[name] for name in names]
    ideals = {number.best for number in numbers if isinstance(number.best, float)}
    return Chart(
        title,
        {number.name: number.title for number in numbers},
        " ".join(_words(number, alone=len(numbers) == 1) for number in numbers),
        unit,
        ideals.pop() if len(ideals) == 1 else None,
        logarithmic=names[0] in _LOGARITHMIC,
        seen_by_backbone=numbers[0].seen_by == "backbone",
    )


def _words(number: Number, *, alone: bool) -> str:
    """Return what a number means and what is best."""
    best = f"best at {number.best:g}" if isinstance(number.best, float) else f"{number.best}er is better"
    words = number.words if alone else f"{number.title}: {number.words}"
    return f"{words[0].upper()}{words[1:]} ({best})."


def _cut(chart: Chart, names: Sequence[str]) -> Chart:
    lines = {name: label for name, label in chart.lines.items() if name in names}
    return Chart(chart.title, lines, chart.words, chart.unit, chart.ideal, chart.logarithmic)


def _in(group: Sequence[str], names: Sequence[str]) -> list[str]:
    return [name for name in group if name in names]


def _title(name: str) -> str:
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]
