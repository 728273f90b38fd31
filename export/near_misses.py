"""A network that is almost of a known family: which one, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from ganplugin.export.unwrap import Part
from ganplugin.models.network import Family, StateDict

__all__ = ["NearMiss", "near_miss"]

_SHARE: Final = 0.5
"""How much of a family's signature a file must have, at least."""


@dataclass(frozen=True)
class NearMiss:
    """A family that a part of a file is almost of; ``missing`` of its signature are not there (none: misshapen)."""

    family: Family
    part: Part
    missing: tuple[str, ...]

    @property
    def what(self) -> str:
        """The sentence for an error."""
        place = f" in {self.part.path}" if self.part.path else ""
        if self.missing:
            lacks = f"no tensor {self.missing[0]} is there"
        else:
            lacks = "the shapes of its tensors do not fit together"
        return f"is almost a {self.family.title}{place}, but {lacks}"


def near_miss(parts: Iterable[Part], families: Sequence[Family]) -> NearMiss | None:
    """Return the family of whose signature a file has most, at least half and two tensors, or None."""
    best: NearMiss | None = None
    most = 0.0
    for part in parts:
        for family in families:
            missing = tuple(pattern for pattern in family.signature if not _has(part.state, pattern))
            there = len(family.signature) - len(missing)
            share = there / len(family.signature) if there > 1 else 0.0
            if share >= _SHARE and share > most:
                best, most = NearMiss(family, part, missing), share
    return best


def _has(state: StateDict, pattern: str) -> bool:
    return any(fnmatchcase(key, pattern) for key in state)
