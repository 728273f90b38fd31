"""From a trait to its value for one piece."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from ganplugin.errors import InputError
from ganplugin.limits import MAX_SEED
from ganplugin.registry import did_you_mean
from ganplugin.seeds import parse_seeds
from ganplugin.series.collection import TraitValue
from ganplugin.series.draws import Permutation, share, weighted
from ganplugin.series.sources import Sources
from ganplugin.series.traits import (
    Choose,
    Column,
    Index,
    Pictures,
    Range,
    Seeds,
    Sweep,
    Text,
    Trait,
)

__all__ = ["Drawn", "Values", "drawers", "filled", "natural_edition"]

_PLACE = re.compile(r"\{([^{}:]+)(?::(0?[1-9][0-9]?))?\}")


@dataclass(frozen=True)
class Drawn:
    """The value of a trait for one piece, and what people are told of it."""

    value: TraitValue
    shown: TraitValue


Values = Mapping[str, Drawn]
"""Values by trait."""

Drawer = Callable[[int, Values], Drawn]
"""Gives the value for the piece of an index; the values of the traits above may be looked at."""


def natural_edition(sources: Sources) -> int:
    """Return how many pieces a series has that does not say: each combination, row or picture once, else 100."""
    traits = sources.series.traits.values()
    sweeps = [len(trait.sweep) for trait in traits if isinstance(trait, Sweep)]
    rows = [len(sources.rows)] if any(isinstance(trait, Column) for trait in traits) else []
    pictures = [len(sources.pictures(trait)) for trait in traits if isinstance(trait, Pictures)]
    lengths = [prod(sweeps)] * bool(sweeps) + rows + pictures
    return max(lengths, default=100)


def drawers(sources: Sources) -> dict[str, Drawer]:
    """Return what draws each trait, by name, in the order of the file.

    Raises `InputError` for a text that names no trait above it, and what `Sources` raises.
    """
    series = sources.series
    steps = _sweep_steps(series.traits)
    found: dict[str, Drawer] = {}
    for name, trait in series.traits.items():
        if isinstance(trait, Text):
            check_template(trait.text, ("index", "number", *found), where=f"traits.{name}.text")
        found[name] = _drawer(name, trait, sources, steps.get(name, 1))
    return found


def _sweep_steps(traits: Mapping[str, Trait]) -> dict[str, int]:
    """Return for each sweep how many pieces go by before it changes."""
    steps: dict[str, int] = {}
    step = 1
    for name, trait in reversed(tuple(traits.items())):
        if isinstance(trait, Sweep):
            steps[name] = step
            step *= len(trait.sweep)
    return steps


def _drawer(name: str, trait: Trait, sources: Sources, step: int) -> Drawer:
    seed = sources.series.seed
    if isinstance(trait, Seeds):
        return _seeds(name, trait, seed)
    if isinstance(trait, Range):
        return _plain(lambda piece: trait.at(share(seed, name, piece)))
    if isinstance(trait, Choose):
        return _choice(name, trait, seed)
    if isinstance(trait, Sweep):
        return _plain(lambda piece: trait.sweep[piece // step % len(trait.sweep)])
    if isinstance(trait, Column):
        column = sources.column(trait.column)
        return _plain(lambda piece: column[piece % len(column)])
    if isinstance(trait, Pictures):
        return _picture(name, trait, seed, sources.pictures(trait), sources.home)
    if isinstance(trait, Index):
        return _plain(lambda piece: trait.index + piece * trait.step)
    return lambda piece, above: _told(filled(trait.text, {**_numbers(piece), **_shown(above)}))


def _told(value: TraitValue) -> Drawn:
    return Drawn(value, value)


def _plain(draw: Callable[[int], TraitValue]) -> Drawer:
    return lambda piece, above: _told(draw(piece))


def _seeds(name: str, trait: Seeds, seed: int) -> Drawer:
    listed: Sequence[int] = range(MAX_SEED + 1) if trait.seeds == "any" else parse_seeds(trait.seeds)
    order: Sequence[int] | Permutation = range(len(listed)) if trait.in_order else Permutation(seed, name, len(listed))

    def draw(piece: int) -> TraitValue:
        places = range(piece * trait.count, (piece + 1) * trait.count)
        if places.stop > len(listed):
            raise InputError(
                f"{len(listed)} seeds are not enough for piece {piece}", where=f"traits.{name}", fix="seeds: any"
            )
        chosen = [listed[order[place]] for place in places]
        return chosen[0] if trait.count == 1 else ",".join(map(str, chosen))

    return _plain(draw)


def _choice(name: str, trait: Choose, seed: int) -> Drawer:
    weights = [option.weight for option in trait.choose]

    def draw(piece: int, above: Values) -> Drawn:
        option = trait.choose[weighted(share(seed, name, piece), weights)]
        return Drawn(option.value, option.value if option.name is None else option.name)

    return draw


def _picture(name: str, trait: Pictures, seed: int, pictures: Sequence[Path], home: Path) -> Drawer:
    shuffled = Permutation(seed, name, len(pictures))
    places: Mapping[str, Callable[[int], int]] = {
        "listed": lambda piece: piece % len(pictures),
        "shuffled": lambda piece: shuffled[piece % len(pictures)],
        "random": lambda piece: int(share(seed, name, piece) * len(pictures)),
    }
    place = places[trait.order]

    def draw(piece: int, above: Values) -> Drawn:
        path = pictures[place(piece)]
        return Drawn(path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path), path.stem)

    return draw


def _numbers(piece: int) -> dict[str, TraitValue]:
    return {"index": piece, "number": piece + 1}


def _shown(values: Values) -> dict[str, TraitValue]:
    return {name: drawn.shown for name, drawn in values.items()}


def check_template(template: str, known: Sequence[str], *, where: str) -> None:
    """Raise `InputError` unless every ``{NAME}`` of the template is known."""
    for match in _PLACE.finditer(template):
        if match[1] not in known:
            raise InputError(f"there is no {match[0]}", where=where, fix=did_you_mean(match[1], list(known)))
    if re.search(r"[{}]", _PLACE.sub("", template)):
        raise InputError("has braces around no name", where=where, fix="write {index}, {number} or {TRAIT}")


def filled(template: str, values: Mapping[str, TraitValue]) -> str:
    """Return a template with the values in it; ``{index:05}`` fills a number up with zeros."""

    def value(match: re.Match[str]) -> str:
        found = str(values[match[1]])
        return found.zfill(int(match[2])) if match[2] else found

    return _PLACE.sub(value, template)
