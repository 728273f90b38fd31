"""Pairs of pictures: of two places by file name, or of one place whose pictures hold both side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from ganplugin.decoding import Levels
from ganplugin.errors import ImageError, InputError, TrainingError
from ganplugin.train.pictures.facts import Facts
from ganplugin.train.pictures.packing import survey
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sources import Entry, list_entries

__all__ = ["Pairs", "halved", "list_pairs", "matched", "readable"]

_NAMED: Final = 5
_PROPORTION: Final = 0.02


@dataclass(frozen=True)
class Pairs:
    """Pictures and their partners in the same order, and in words what was left out."""

    first: tuple[Entry, ...]
    second: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()


def list_pairs(first: Path, second: Path | None, policy: Policy) -> Pairs:
    """Return the pairs of two places, or of the pictures of one that hold both halves, as far as they can be read.

    Raises `FileError` if a place holds no picture, `TrainingError` if no pair is left.
    """
    entries = list_entries((first,))
    pairs = halved(entries) if second is None else matched(entries, list_entries((second,)))
    return readable(pairs, policy)


def halved(entries: Sequence[Entry]) -> Pairs:
    """Return the left and the right half of each picture, as pix2pix's data sets have them."""
    left, right = (tuple(replace(entry, decode=partial(_half, entry, side)) for entry in entries) for side in (0, 1))
    return Pairs(left, right)


def _half(entry: Entry, side: int, data: bytes, needed: tuple[int, int] | None) -> Levels:
    levels = entry.decode(data, None if needed is None else (2 * needed[0], needed[1]))
    width, height = levels.image.size
    if width < 2:
        raise ImageError("is too narrow to hold two pictures", where=entry.name)
    half = width // 2
    image = levels.image.crop((side * (width - half), 0, side * (width - half) + half, height))
    return replace(levels, image=image, size=(levels.size[0] // 2, levels.size[1]))


def matched(first: Sequence[Entry], second: Sequence[Entry]) -> Pairs:
    """Return the pictures of the same name, whatever their suffix; those without a partner are named.

    Raises `TrainingError` if no name occurs on both sides, `InputError` if one occurs twice on one side.
    """
    one, other = _by_name(first), _by_name(second)
    both = [name for name in one if name in other]
    if not both:
        names = f"{next(iter(one))!r} and {next(iter(other))!r}"
        fix = "give partners the same file name, or train without --paired"
        raise TrainingError(f"no picture has a partner of its name: {names}", fix=fix)
    lonely = [f"{name} (second)" for name in one if name not in other]
    lonely += [f"{name} (first)" for name in other if name not in one]
    told = (_told(lonely),) if lonely else ()
    return Pairs(tuple(one[name] for name in both), tuple(other[name] for name in both), told)


def _by_name(entries: Sequence[Entry]) -> dict[str, Entry]:
    named: dict[str, Entry] = {}
    for entry in entries:
        name = str(PurePosixPath(entry.name).with_suffix(""))
        if name in named:
            raise InputError(f"two pictures are called {name!r}", where=entry.name, fix="rename one of them")
        named[name] = entry
    return named


def _told(lonely: Sequence[str]) -> str:
    more = f" and {len(lonely) - _NAMED} more" if len(lonely) > _NAMED else ""
    return f"left out, as their partner in a folder is missing: {', '.join(lonely[:_NAMED])}{more}"


def readable(pairs: Pairs, policy: Policy) -> Pairs:
    """Return the pairs of which both can be read and have the same proportions (for patches: the same size)."""
    sides = [_facts(entries, policy) for entries in (pairs.first, pairs.second)]
    kept, told = [], list(pairs.left_out)
    for place, (one, other) in enumerate(zip(*sides, strict=True)):
        reason = _unfit(one, other, patches=policy.way == "patches")
        if reason:
            told.append(f"skipped: {pairs.first[place].name}: {reason}")
        else:
            kept.append(place)
    if not kept:
        raise TrainingError("no pair of pictures can be used", fix=told[0])
    first, second = (tuple(entries[place] for place in kept) for entries in (pairs.first, pairs.second))
    return Pairs(first, second, tuple(told))


def _facts(entries: Sequence[Entry], policy: Policy) -> list[Facts | str]:
    """Return of each picture its facts, or why it cannot be read."""
    gathered = survey(entries, policy.model_copy(update={"way": "crop", "count": 0}))
    found: list[Facts | str] = [""] * len(entries)
    for place, facts in zip(gathered.readable, gathered.facts, strict=True):
        found[place] = facts
    broken = iter(gathered.broken)
    return [one if isinstance(one, Facts) else next(broken).reason for one in found]


def _unfit(one: Facts | str, other: Facts | str, *, patches: bool) -> str:
    if isinstance(one, str) or isinstance(other, str):
        return one if isinstance(one, str) else str(other)
    sizes = f"{one.width} x {one.height}, its partner {other.width} x {other.height}"
    skewed = abs(one.width * other.height / (one.height * other.width) - 1) > _PROPORTION
    unequal = (one.width, one.height) != (other.width, other.height)
    return f"is {sizes}" if skewed or (patches and unequal) else ""
