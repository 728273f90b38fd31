"""Which family a checkpoint belongs to: the first full match wins, and what came second is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import Checkpoint
from ganplugin.export.unwrap import Part, is_averaged, parts_of
from ganplugin.models.network import Family
from ganplugin.registry import Registry

__all__ = ["Match", "matches_of", "roles_of", "unknown"]


_TENSORFLOW: Final = re.compile(r"(^|\.)(tflib\.network|tfutil)\.Network$")
"""How pickles of NVIDIA's TensorFlow code name their networks (StyleGAN, StyleGAN2, Progressive GAN)."""


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


def roles_of(part: Part, families: Registry[Family]) -> Iterator[tuple[Family, str]]:
    """Yield every family, and role in it, of which a part's tensors can be one file."""
    for family in families:
        for role, fits in family.roles.items():
            if part.state and fits(part.state):
                yield family, role


def unknown(checkpoint: Checkpoint, families: Registry[Family]) -> CheckpointError:
    """Return the error that says what a checkpoint of no known family seems to hold instead."""
    if any(_TENSORFLOW.search(name) for name in checkpoint.globals):
        return CheckpointError(
            "is a pickle of NVIDIA's TensorFlow code (StyleGAN, StyleGAN2 or Progressive GAN), not of PyTorch",
            where=checkpoint.path,
            fix="convert a StyleGAN2 with legacy.py of stylegan2-ada-pytorch, then export what that writes",
        )
    if any(key.startswith("stylegan_decoder.") for part in parts_of(checkpoint) for key in part.state):
        return CheckpointError(
            "is a face restorer (GFPGAN), whose StyleGAN2 works on the picture to be restored, not on a latent",
            where=checkpoint.path,
            fix="use it in a program that restores faces",
        )
    half = next((found for part in parts_of(checkpoint) for found in roles_of(part, families)), None)
    if half is not None:
        family, role = half
        others = " and ".join(other for other in family.roles if other != role)
        return CheckpointError(
            f"is the {role} of an {family.title}, which needs its {others} too",
            where=checkpoint.path,
            fix=f"name all files: ganplugin export {' '.join(name.upper() for name in family.roles)}",
        )
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
