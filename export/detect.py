"""Which family a checkpoint belongs to: the first full match wins, and what came second is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import Checkpoint
from ganplugin.export.unwrap import Part, is_averaged, parts_of
from ganplugin.models.network import Family
from ganplugin.registry import Registry

__all__ = ["Match", "matches_of", "unknown"]


@dataclass(frozen=True)
class Match:
    """A family and the part of a checkpoint that it can rebuild."""

    family: Family
    part: Part

    @property
    def is_averaged(self) -> bool:
        """Whether the part holds averaged weights."""
        return is_averaged(self.part)


def matches_of(checkpoint: Checkpoint, families: Registry[Family]) -> tuple[Match, ...]:
    """Return every pair of family and part that fit, best first: by part (averaged weights first), then by family."""
    return tuple(_matches(parts_of(checkpoint), families))


def _matches(parts: tuple[Part, ...], families: Registry[Family]) -> Iterator[Match]:
    for part in parts:
        for family in families:
            if part.state and family.detect(part.state):
                yield Match(family, part)


def unknown(checkpoint: Checkpoint) -> CheckpointError:
    """Return the error that says what a checkpoint of no known family seems to hold instead."""
    return CheckpointError(
        f"holds no network of a family that is known here ({_seen(parts_of(checkpoint))})",
        where=checkpoint.path,
        fix="see what is in it with: ganplugin inspect FILE",
    )


def _seen(parts: tuple[Part, ...]) -> str:
    if not parts:
        return "it has no tensors"
    largest = max(parts, key=lambda part: len(part.state))
    names = ", ".join(list(largest.state)[:2])
    return f"{len(largest.state)} tensors such as {names[:120]}"
