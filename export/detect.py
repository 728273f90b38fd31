"""Which family a checkpoint belongs to: the first full match wins, and what came second is told."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import Checkpoint
from ganplugin.export.lookalikes import Lookalike, lookalike, only_an_optimiser
from ganplugin.export.near_misses import near_miss
from ganplugin.export.rights import rights_of
from ganplugin.export.unwrap import Part, is_averaged, parts_of
from ganplugin.manifest import Kind
from ganplugin.models.network import Family
from ganplugin.registry import Registry

__all__ = ["WHOLE", "Match", "almost", "matches_of", "roles_of", "unknown", "unmatched"]


_TENSORFLOW: Final = re.compile(r"(^|\.)(tflib\.network|tfutil)\.Network$")
"""How pickles of NVIDIA's TensorFlow code name their networks (StyleGAN, StyleGAN2, Progressive GAN)."""

WHOLE: Final = "export the file that training wrote, whole"
"""What to do about a network that is almost of a known family."""


@dataclass(frozen=True)
class Match:
    """A family and the part of a checkpoint that it can rebuild."""

    family: Family
    part: Part

    @property
    def is_averaged(self) -> bool:
        """Whether the part holds averaged weights."""
        return is_averaged(self.part)

    @property
    def rights(self) -> str:
        """What is known of the rights in the weights; see `rights_of`."""
        return rights_of(self.part.config, self.family.licence)


def matches_of(checkpoint: Checkpoint, families: Registry[Family]) -> tuple[Match, ...]:
    """Return every pair of family and part that fit, best first: by part (averaged weights first), then by family."""
    return tuple(_matches(parts_of(checkpoint), families))


def _matches(parts: tuple[Part, ...], families: Registry[Family]) -> Iterator[Match]:
    for part in parts:
        for family in families:
            if part.state and family.detect(part.state):
                yield Match(family, part)


def roles_of(part: Part, families: Registry[Family]) -> Iterator[tuple[Family, str]]:
    """Yield every family, and role in it, of which a part's tensors can be one file."""
    for family in families:
        for role, fits in family.roles.items():
            if part.state and fits(part.state):
                yield family, role


def unmatched(checkpoint: Checkpoint, matches: tuple[Match, ...]) -> Lookalike | None:
    """Return what is known of the parts of a checkpoint that are of no known family, or None."""
    known = {match.part.path for match in matches}
    return lookalike(name for part in parts_of(checkpoint) if part.path not in known for name in part.state)


def unknown(checkpoint: Checkpoint, families: Registry[Family]) -> CheckpointError:
    """Return the error that says what a checkpoint of no known family seems to hold instead."""
    what, fix = _verdict(checkpoint, parts_of(checkpoint), families)
    return CheckpointError(what, where=checkpoint.path, fix=fix)


def almost(checkpoint: Checkpoint, kinds: Collection[Kind], families: Registry[Family]) -> CheckpointError | None:
    """Return the error for a part that is almost a network of certain kinds, or None if there is no such part."""
    miss = near_miss(parts_of(checkpoint), [family for family in families if family.kind in kinds])
    return None if miss is None else CheckpointError(miss.what, where=checkpoint.path, fix=WHOLE)


def _verdict(checkpoint: Checkpoint, parts: tuple[Part, ...], families: Registry[Family]) -> tuple[str, str]:
    if half := next((found for part in parts for found in roles_of(part, families)), None):
        family, role = half
        others = " and ".join(other for other in family.roles if other != role)
        files = " ".join(name.upper() for name in family.roles)
        what = f"is the {role} of an {family.title}, which needs its {others} too"
        return what, f"name all files: ganplugin export {files}"
    if any(_TENSORFLOW.search(name) for name in checkpoint.globals):
        what = "is a pickle of NVIDIA's TensorFlow code (StyleGAN, StyleGAN2 or Progressive GAN), not of PyTorch"
        return what, "convert a StyleGAN2 with legacy.py of stylegan2-ada-pytorch, then export what that writes"
    if only_an_optimiser(checkpoint.content):
        return "holds the state of an optimiser and no network", "name the file that holds the weights"
    if miss := near_miss(parts, tuple(families)):
        return miss.what, WHOLE
    if kind := lookalike(name for part in parts for name in part.state):
        return f"seems to be {kind.what}", kind.fix
    seen = "it has no tensors" if not parts else _seen(max(parts, key=lambda part: len(part.state)))
    what = f"holds no network of a family that is known here ({seen})"
    return what, "see what is in it with: ganplugin inspect FILE"


def _seen(part: Part) -> str:
    names = ", ".join(list(part.state)[:2])
    count = len(part.state)
    return f"{count} tensor{'s' if count > 1 else ''} such as {names[:120]}"
