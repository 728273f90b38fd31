"""What a collection of pictures is: counts, sizes, kinds, duplicates, what is broken, and what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from pydantic import BaseModel, ConfigDict

from ganplugin.train.pictures.facts import Facts
from ganplugin.train.pictures.likeness import groups_of
from ganplugin.train.pictures.packing import Gathered
from ganplugin.train.pictures.policy import Policy

__all__ = ["Advice", "BrokenFile", "Report", "report_on"]

Size = tuple[int, int] | None

_EDGES = (32, 64, 128, 256, 512, 1024)
_SQUARE = 1.05
_MOSTLY_CLEAR = 0.9


class BrokenFile(BaseModel):
    """A file that is left out, and why."""

    model_config = ConfigDict(frozen=True)

    name: str
    reason: str


class Advice(BaseModel):
    """What was noticed, and what to do."""

    model_config = ConfigDict(frozen=True)

    what: str
    fix: str


class Report(BaseModel):
    """All counts are of pictures that can be read, but for ``broken``.

    ``shorter_side`` counts pictures by their shorter side in pixels. ``enlarged`` have fewer pixels than the policy
    wants, ``largest_enlargement`` is the most that one of them grows. ``cut_off`` is the mean part 0..1 of a picture's
    area that a centre crop to the policy's proportions loses. ``transparent`` have pixels that something shines
    through, ``mostly_clear`` are nothing for nine tenths of their area. ``duplicates`` are groups of files with
    the same bytes, ``near_duplicates`` groups that look the same (ganplugin.train.pictures.likeness), each counted
    once there. ``packed_bytes`` is what they take on disk, and in memory while training.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    policy: Policy
    pictures: int
    file_bytes: int
    smallest: Size
    median: Size
    largest: Size
    shorter_side: dict[str, int]
    shapes: dict[str, int]
    cut_off: float
    enlarged: int
    largest_enlargement: float
    modes: dict[str, int]
    formats: dict[str, int]
    grey: int
    flat: int
    transparent: int
    mostly_clear: int
    duplicates: tuple[tuple[str, ...], ...]
    near_duplicates: tuple[tuple[str, ...], ...]
    classes: dict[str, int]
    broken: tuple[BrokenFile, ...]
    channels: int
    packed_pictures: int
    packed_bytes: int
    advice: tuple[Advice, ...] = ()

    def duplicate_count(self) -> int:
        """Return how many files say nothing that another does not say with the same bytes."""
        return sum(len(group) - 1 for group in self.duplicates)


def report_on(gathered: Gathered, policy: Policy, source: str) -> Report:
    """Return the report on what was gathered, without advice."""
    facts = gathered.facts
    channels = 1 if facts and gathered.is_grey(policy) else policy.channels or 3
    count = policy.count if policy.way == "patches" else len(facts)
    # What is padded grows only where both sides are short.
    of_sides = min if policy.way == "pad" else max
    factors = [of_sides(policy.width / fact.width, policy.height / fact.height) for fact in facts]
    smallest, median, largest = _extremes(facts)
    return Report(
        source=source,
        policy=policy,
        pictures=len(facts),
        file_bytes=sum(fact.file_bytes for fact in facts),
        smallest=smallest,
        median=median,
        largest=largest,
        shorter_side=_shorter_sides(facts),
        shapes=_counted([_shape(fact) for fact in facts]),
        cut_off=_cut_off(facts, policy),
        enlarged=sum(factor > 1 for factor in factors),
        largest_enlargement=round(max([1.0, *factors]), 2),
        modes=_counted([fact.mode for fact in facts]),
        formats=_counted([fact.format for fact in facts]),
        grey=sum(fact.grey for fact in facts),
        flat=sum(fact.flat for fact in facts),
        transparent=sum(fact.alpha for fact in facts),
        mostly_clear=sum(fact.clear >= _MOSTLY_CLEAR for fact in facts),
        duplicates=_duplicates(facts),
        near_duplicates=_near_duplicates(facts),
        classes=_counted([fact.group for fact in facts if fact.group]),
        broken=tuple(BrokenFile(name=file.name, reason=file.reason) for file in gathered.broken),
        channels=channels,
        packed_pictures=count,
        packed_bytes=count * channels * policy.width * policy.height,
    )


def _extremes(facts: Sequence[Facts]) -> tuple[Size, Size, Size]:
    """Return width and height of the pictures of least, middle and most pixels."""
    ordered = sorted(((fact.width, fact.height) for fact in facts), key=lambda size: (size[0] * size[1], size))
    if not ordered:
        return None, None, None
    return ordered[0], ordered[len(ordered) // 2], ordered[-1]


def _shorter_sides(facts: Sequence[Facts]) -> dict[str, int]:
    between = (f"{low}-{high - 1}" for low, high in pairwise(_EDGES))
    names = [f"under {_EDGES[0]}", *between, f"{_EDGES[-1]}+"]
    places = np.searchsorted(_EDGES, [min(fact.width, fact.height) for fact in facts], side="right")
    counts = Counter(np.asarray(places, np.int64).tolist())
    return {name: counts[index] for index, name in enumerate(names) if counts[index]}


def _shape(fact: Facts) -> str:
    proportion = fact.width / fact.height
    return "wide" if proportion > _SQUARE else "tall" if proportion < 1 / _SQUARE else "square"


def _counted(names: Sequence[str]) -> dict[str, int]:
    """Count names, the most frequent first."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _cut_off(facts: Sequence[Facts], policy: Policy) -> float:
    wanted = policy.width / policy.height
    kept = [min(fact.width / fact.height, wanted) / max(fact.width / fact.height, wanted) for fact in facts]
    return round(1 - float(np.mean(kept)), 4) if kept else 0.0


def _duplicates(facts: Sequence[Facts]) -> tuple[tuple[str, ...], ...]:
    names: defaultdict[bytes, list[str]] = defaultdict(list)
    for fact in facts:
        names[fact.digest].append(fact.name)
    return tuple(tuple(group) for group in names.values() if len(group) > 1)


def _near_duplicates(facts: Sequence[Facts]) -> tuple[tuple[str, ...], ...]:
    """Return groups that look the same; of files with the same bytes only the first is looked at."""
    distinct = list({fact.digest: fact for fact in reversed(facts)}.values())[::-1]
    if not distinct:
        return ()
    names: defaultdict[int, list[str]] = defaultdict(list)
    for fact, group in zip(distinct, groups_of(np.stack([fact.thumb for fact in distinct])).tolist(), strict=True):
        names[group].append(fact.name)
    return tuple(tuple(group) for group in names.values() if len(group) > 1)
