"""A registry: values under unique ids, in an order that is stated as data."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ganplugin.errors import InputError

__all__ = ["Registry", "did_you_mean"]

Value = TypeVar("Value")


def did_you_mean(name: str, known: Mapping[str, object] | list[str] | tuple[str, ...]) -> str:
    """Return ``did you mean 'x'?`` for the nearest known name, else the list of known names."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(sorted(known))


@dataclass(frozen=True)
class Registry(Generic[Value]):
    """An immutable table; `add` returns a larger one, so a failing addition changes nothing."""

    noun: str
    entries: Mapping[str, Value] = field(default_factory=dict)

    def add(self, key: str, value: Value, *, before: tuple[str, ...] = ()) -> Registry[Value]:
        """Return a registry that also holds ``value``, placed before the named keys.

        Raises `InputError` if the key is taken.
        """
        if key in self.entries:
            raise InputError(f"the {self.noun} {key!r} is registered twice", fix="give one of them another id")
        keys = list(self.entries)
        place = min((keys.index(other) for other in before if other in self.entries), default=len(keys))
        keys.insert(place, key)
        return Registry(self.noun, {k: value if k == key else self.entries[k] for k in keys})

    def __getitem__(self, key: str) -> Value:
        if key not in self.entries:
            raise InputError(f"there is no {self.noun} {key!r}", fix=did_you_mean(key, self.entries))
        return self.entries[key]

    def __iter__(self) -> Iterator[Value]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)
