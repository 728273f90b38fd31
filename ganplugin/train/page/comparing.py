"""Runs beside one another: which are alike enough to rank, and how they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganplugin.errors import InputError
from ganplugin.train.page.story import Best, Story, read_story

__all__ = ["Compared", "Comparison", "compare"]

_MOST = 24


@dataclass(frozen=True)
class Compared:
    """A run with the name that tells it from the others, and the group of runs that its numbers compare with.

    ``is_best`` is true for the one with the lowest KID of its group, if there are others.
    """

    name: str
    story: Story
    best: Best | None
    group: int
    is_best: bool

    @property
    def measured_by(self) -> str:
        """The backbone; empty if nothing was measured."""
        return self.story.backbones[-1] if self.story.backbones else ""

    @property
    def verdict(self) -> str:
        """What the watchdog thinks: names of what is bad or to be watched, else ``good``; empty if it said nothing."""
        told = [f"{one.name} {one.level}" for one in self.story.verdicts if one.level in ("bad", "watch")]
        return ", ".join(told) if told else "good" if self.story.verdicts else ""

    def facts(self) -> dict[str, object]:
        """Return what machines want to know."""
        story, best = self.story, self.best
        return {
            "name": self.name,
            "folder": str(story.folder),
            "recipe": story.fact("recipe"),
            "data": story.fact("data"),
            "data_digest": story.fact("data_digest"),
            "backbone": self.measured_by,
            "group": self.group,
            "step": story.step,
            "kimg": story.kimg,
            "minutes": round(story.seconds / 60, 2),
            "pictures_per_second": None if story.rate is None else round(story.rate, 2),
            "best_kid": None if best is None else best.value,
            "best_kid_minutes": None if best is None else round(best.seconds / 60, 2),
            "best_kid_kimg": None if best is None else best.kimg,
            "is_best": self.is_best,
            "verdicts": [vars(one) for one in story.verdicts],
            "warnings": len(story.warnings),
        }


@dataclass(frozen=True)
class Comparison:
    """Runs in the order in which they were named, and warnings about what must not be compared."""

    runs: tuple[Compared, ...]
    warnings: tuple[str, ...]


def compare(folders: Sequence[Path]) -> Comparison:
    """Read runs and say how they did. Each is read once, however often it is named.

    Raises `InputError` if one of the folders holds no run, or if there are more than a page can tell apart.
    """
    distinct = list({folder.resolve(): folder for folder in folders}.values())
    if len(distinct) > _MOST:
        raise InputError(f"{len(distinct)} runs are too many to look at", fix=f"name at most {_MOST}")
    stories = [read_story(folder) for folder in distinct]
    kinds = [_kind(story) for story in stories]
    groups = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    lowest = _lowest(stories, kinds)
    runs = [
        Compared(name, story, story.best(), groups[kind], kind in lowest and lowest[kind] is story)
        for name, story, kind in zip(_names(distinct), stories, kinds, strict=True)
    ]
    return Comparison(tuple(runs), tuple(_warnings(runs)))


_Kind = tuple[str, str]


def _kind(story: Story) -> _Kind:
    """Return what must be the same for numbers to compare: the pictures and the backbones."""
    return story.fact("data_digest"), " then ".join(story.backbones)


def _lowest(stories: Sequence[Story], kinds: Sequence[_Kind]) -> Mapping[_Kind, Story]:
    """Return the run with the lowest KID of each kind that has more than one with a KID."""
    found: dict[_Kind, list[tuple[float, Story]]] = {}
    for story, kind in zip(stories, kinds, strict=True):
        if (best := story.best()) is not None:
            found.setdefault(kind, []).append((best.value, story))
    return {kind: min(some, key=lambda one: one[0])[1] for kind, some in found.items() if len(some) > 1}


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of paths that tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    length = 1
    while len({one[-length:] for one in parts}) < len(parts):
        length += 1
    return ["/".join(one[-length:]) for one in parts]


def _warnings(runs: Sequence[Compared]) -> list[str]:
    warnings = []
    if len({run.story.fact("data_digest") for run in runs}) > 1:
        warnings.append("runs were trained on different pictures, or on others of their pixels: numbers do not compare")
    backbones = dict.fromkeys(run.measured_by for run in runs if run.measured_by)
    if len(backbones) > 1:
        warnings.append(f"runs were measured by {' and by '.join(backbones)}: numbers of two backbones do not compare")
    warnings += [
        f"{run.name} was measured by {', then by '.join(run.story.backbones)}: its own numbers do not compare"
        for run in runs
        if len(run.story.backbones) > 1
    ]
    silent = [run.name for run in runs if run.best is None]
    return [*warnings, *([f"not measured: {', '.join(silent)}"] if silent else [])]
