"""A finished series as people look at it: its works, their traits and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Collection", "TraitValue", "Work"]

TraitValue = str | int | float | bool


@dataclass(frozen=True)
class Work:
    """One piece that is on disk.

    ``number`` is its number in the series, from 0; ``title`` its name for people. ``files`` are paths below the
    series' folder, with ``/``; the first is the one to look at (a picture or a film), ``thumbnail`` a small picture of
    it. ``changes`` is what was set in the graph for it, by ``NODE.FIELD``; ``digest`` the SHA-256 of the first file.
    """

    number: int
    title: str
    files: tuple[str, ...]
    thumbnail: str
    digest: str
    traits: Mapping[str, TraitValue] = field(default_factory=dict)
    changes: Mapping[str, TraitValue] = field(default_factory=dict)
    score: float | None = None
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Collection:
    """All works of a series that are on disk, by number. ``models`` gives the SHA-256 of each model by its name.

    ``source`` is the series file that renders them, as a command names it that runs in the series' folder.
    """

    title: str
    description: str = ""
    author: str = ""
    license: str = ""
    link: str = ""
    works: tuple[Work, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def rarity(self, trait: str) -> dict[TraitValue, float]:
        """Return the share, 0..1, of works that have each value of a trait, rarest first."""
        counts = Counter(work.traits[trait] for work in self.works if trait in work.traits)
        return {value: count / len(self.works) for value, count in sorted(counts.items(), key=lambda item: item[1])}
