"""A run as its folder tells it: read without PyTorch, while it lasts or years later."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ganplugin.errors import InputError, TrainingError
from ganplugin.files import os_errors
from ganplugin.train.page.folder import COPIES, FACTS, GRIDS, LOG, STRIPS
from ganplugin.train.page.track import Track

__all__ = ["Best", "Notice", "Picture", "Story", "Verdict", "read_story"]

_LEVELS = ("good", "watch", "bad", "unknown")


@dataclass(frozen=True)
class Verdict:
    """What the watchdog thinks of one thing: its level, plain words, and what to change."""

    name: str
    level: str
    words: str
    fix: str


@dataclass(frozen=True)
class Notice:
    """What went wrong at a step."""

    step: int
    name: str
    words: str
    fix: str


@dataclass(frozen=True)
class Picture:
    """A sheet or a strip: its path below the run's folder, and when it was painted."""

    path: str
    step: int
    kimg: float | None
    seconds: float | None


@dataclass(frozen=True)
class Best:
    """The lowest value of a metric, and when it was reached."""

    value: float
    step: int
    kimg: float
    seconds: float


@dataclass
class Story:
    """A run's folder: what it is (``facts``), losses, metrics with the backbone that saw them, verdicts, warnings."""

    folder: Path
    facts: Mapping[str, object]
    losses: Track = field(default_factory=Track)
    metrics: Track = field(default_factory=Track)
    backbones: list[str] = field(default_factory=list)
    verdicts: tuple[Verdict, ...] = ()
    warnings: list[Notice] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name or str(self.folder)

    def fact(self, name: str, default: str = "") -> str:
        """Return what ``run.json`` says of something, as text."""
        value = self.facts.get(name)
        return default if value is None else str(value)

    @property
    def step(self) -> int:
        """The last step that was noted."""
        return int(max((track.columns["step"][-1] for track in (self.losses, self.metrics) if len(track)), default=0))

    @property
    def seconds(self) -> float:
        """How long it was trained."""
        return max(_or_zero(track.last("seconds")) for track in (self.losses, self.metrics))

    @property
    def kimg(self) -> float:
        """Thousands of pictures shown."""
        return max(_or_zero(track.last("kimg")) for track in (self.losses, self.metrics))

    @property
    def rate(self) -> float | None:
        """Pictures a second over the whole run, with all pauses for saving and measuring."""
        return 1000 * self.kimg / self.seconds if self.seconds and self.kimg else None

    @cached_property
    def grids(self) -> list[Picture]:
        """Sheets of samples, oldest first."""
        return list(self._pictures(GRIDS))

    @cached_property
    def strips(self) -> list[Picture]:
        """Walks between latents, oldest first."""
        return list(self._pictures(STRIPS))

    @property
    def has_copies(self) -> bool:
        """Whether samples are shown beside their nearest training pictures."""
        return (self.folder / COPIES).is_file()

    def best(self, metric: str = "kid") -> Best | None:
        """Return the lowest value of a metric, None if it was never measured."""
        if metric not in self.metrics.columns or not np.isfinite(column := self.metrics.column(metric)).any():
            return None
        at = int(np.nanargmin(np.where(np.isfinite(column), column, np.nan)))
        step, kimg, seconds = (float(self.metrics.column(name)[at]) for name in ("step", "kimg", "seconds"))
        return Best(float(column[at]), int(step), _or_zero(kimg), _or_zero(seconds))

    def _pictures(self, kind: str) -> Iterator[Picture]:
        steps, kimg, seconds = (self.losses.column(name) for name in ("step", "kimg", "seconds"))
        for path in sorted((self.folder / kind).glob("*.png"), key=lambda path: (len(path.stem), path.stem)):
            if path.stem.isdigit():
                step = int(path.stem)
                at = [float(np.interp(step, steps, column)) if len(steps) else None for column in (kimg, seconds)]
                yield Picture(f"{kind}/{path.name}", step, *at)


def _or_zero(value: float) -> float:
    return value if np.isfinite(value) else 0.0


def read_story(folder: Path) -> Story:
    """Return what a run's folder tells. A torn or foreign line of the log is passed over.

    Raises `InputError` if the folder holds no run, `TrainingError` if ``run.json`` is damaged, `FileError` if it cannot
    be read.
    """
    log, facts = folder / LOG, folder / FACTS
    if not log.is_file() and not facts.is_file():
        raise InputError(
            "holds no run" if folder.is_dir() else "is no folder of a run",
            where=folder,
            fix=f"name a folder that a training wrote: it holds {LOG}",
        )
    story = Story(folder, _facts(facts) if facts.is_file() else {})
    if log.is_file():
        with os_errors(log), log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                _take(story, line)
    return story


def _facts(path: Path) -> Mapping[str, object]:
    with os_errors(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise TrainingError("is damaged", where=path, fix="leave this run out") from error
    return found if isinstance(found, dict) else {}


def _take(story: Story, line: str) -> None:
    try:
        entry = json.loads(line)
    except ValueError:
        return
    if not isinstance(entry, dict) or not isinstance(entry.get("step"), (int, float)):
        return
    kind = entry.get("kind")
    if kind == "losses":
        story.losses.add(entry)
    elif kind == "metrics":
        # Where a run of an earlier build does not say when, the losses before do.
        story.metrics.add({"seconds": story.seconds, **entry})
        _note_backbone(story, str(entry.get("backbone", "")))
    elif kind == "warning":
        story.warnings.append(
            Notice(int(entry["step"]), *(str(entry.get(key, "")) for key in ("name", "words", "fix")))
        )
    elif kind == "verdicts" and isinstance(entry.get("verdicts"), list):
        story.verdicts = tuple(_verdict(found) for found in entry["verdicts"] if isinstance(found, dict))


def _note_backbone(story: Story, name: str) -> None:
    if name and name not in story.backbones:
        story.backbones.append(name)


def _verdict(found: Mapping[str, object]) -> Verdict:
    name, level, words, fix = (str(found.get(key, "")) for key in ("name", "level", "words", "fix"))
    return Verdict(name, level if level in _LEVELS else "unknown", words, fix)
