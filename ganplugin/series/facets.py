"""What people filter by: the values of a trait, gathered in groups, and how rare a work is among all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ganplugin.series.collection import Collection, TraitValue

__all__ = ["Facet", "facets_of", "rarities", "shown"]

_MOST_NUMBERS: Final = 12
"""A trait with more different numbers than that is a measure, whose groups are ranges."""
_RANGES: Final = 8


@dataclass(frozen=True)
class Facet:
    """One trait of a collection: its groups, and which of them each work is in (None where it lacks the trait).

    Groups are single values, the commonest first, or in order where they are numbers; of a measure, with many
    different numbers, they are ranges. ``counts`` has the works in each group, ``values`` each work's own value.
    """

    name: str
    groups: tuple[str, ...]
    counts: tuple[int, ...]
    of: tuple[int | None, ...]
    values: tuple[TraitValue | None, ...]
    is_number: bool = False
    is_measure: bool = False

    def rarity(self) -> list[float]:
        """Return how much each work's value tells, in bits: -log2 of the share of works that are alike in it."""
        total = len(self.of)
        alike = Counter(self.of)
        return [-math.log2(alike[group] / total) for group in self.of]


def facets_of(collection: Collection) -> tuple[Facet, ...]:
    """Return a facet for each trait, in the order in which the works name them."""
    names = dict.fromkeys(name for work in collection.works for name in work.traits)
    return tuple(_facet(name, [work.traits.get(name) for work in collection.works]) for name in names)


def rarities(facets: Sequence[Facet], works: int) -> list[float]:
    """Return how rare each of ``works`` works is, in bits: the sum over all traits; lacking one counts as a value.

    0 for all where there is no trait. (The information content, as OpenRarity and others rank collections.)
    """
    each = [facet.rarity() for facet in facets]
    return [round(math.fsum(bits[work] for bits in each), 4) for work in range(works)]


def shown(value: TraitValue) -> str:
    """Return a trait's value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _facet(name: str, values: list[TraitValue | None]) -> Facet:
    held = [value for value in values if value is not None]
    numbers = [value for value in held if isinstance(value, int | float) and not isinstance(value, bool)]
    is_number = len(numbers) == len(held)
    if is_number and len(set(numbers)) > _MOST_NUMBERS:
        return _measure(name, values, numbers)
    labels = [None if value is None else shown(value) for value in values]
    counts = Counter(label for label in labels if label is not None)
    groups = sorted(counts, key=float) if is_number else sorted(counts, key=lambda label: (-counts[label], label))
    place = {label: number for number, label in enumerate(groups)}
    of = tuple(None if label is None else place[label] for label in labels)
    return Facet(name, tuple(groups), tuple(counts[label] for label in groups), of, tuple(values), is_number)


def _measure(name: str, values: list[TraitValue | None], numbers: Sequence[int | float]) -> Facet:
    whole = all(isinstance(number, int) for number in numbers)
    low, step = _first_and_step(min(numbers), max(numbers), whole=whole)
    # The highest number closes the last range: a range of its own would say little.
    last = max(math.ceil(round((max(numbers) - low) / step, 9)) - 1, 0) if not whole else math.inf
    raw = [None if value is None else int(min(round((float(value) - low) / step, 9), last)) for value in values]
    counts = Counter(number for number in raw if number is not None)
    # A range that nothing lies in is no group: there is nothing to see there.
    place = {number: group for group, number in enumerate(sorted(counts))}
    groups = tuple(_range_label(low, step, number, whole=whole) for number in place)
    of = tuple(None if number is None else place[number] for number in raw)
    return Facet(name, groups, tuple(counts[n] for n in place), of, tuple(values), is_number=True, is_measure=True)


def _first_and_step(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """Return where the first range starts and how wide each is: a round number, so that there are about `_RANGES`."""
    least = max((high - low) / _RANGES, 1 if whole else 0)
    step = next(step for step in _round_steps(least) if step >= least * (1 - 1e-9))
    return math.floor(round(low / step, 9)) * step, step


def _round_steps(least: float) -> Iterator[float]:
    power = math.floor(math.log10(least))
    yield from (factor * 10.0**exponent for exponent in (power, power + 1) for factor in (1, 2, 5))


def _range_label(low: float, step: float, number: int, *, whole: bool) -> str:
    first, last = low + number * step, low + (number + 1) * step
    if not whole:
        return f"{first:.10g} – {last:.10g}"
    return f"{first:.0f}" if step == 1 else f"{first:.0f} – {last - 1:.0f}"
