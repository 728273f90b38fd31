"""The two networks of a checkpoint that can be trained on: a generator and the discriminator that judges it."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import WHOLE, Match, matches_of
from ganplugin.export.known_families import known_families

__all__ = ["TrainedPair", "load_pair"]

_CHANNELS: Final = {"L": 1, "RGB": 3, "RGBA": 4}


@dataclass(frozen=True)
class TrainedPair:
    """The tensors of both, what the file says beside them, the generator's family, its pictures, and rights."""

    family: str
    generator: Mapping[str, Tensor]
    scorer: Mapping[str, Tensor]
    config: Mapping[str, object]
    channels: int
    height: int
    width: int
    classes: int
    rights: str


def load_pair(path: Path) -> TrainedPair:
    """Read both networks of a checkpoint, averaged weights first, without running anything in it.

    Raises `FileError` or `CheckpointError` if it cannot be read, or lacks one of them.
    """
    found: dict[str, Match] = {}
    for match in matches_of(load_checkpoint(path), known_families()):
        found.setdefault(match.family.kind, match)
    for kind, words in (("generator", "generator"), ("scorer", "discriminator")):
        if kind not in found:
            raise CheckpointError(f"holds no {words} of a known family", where=path, fix=WHOLE)
    generator, scorer = found["generator"], found["scorer"]
    facts = generator.family.rebuild(generator.part.state, generator.part.config).facts
    classes = facts.get("classes", ())
    return TrainedPair(
        family=generator.family.id,
        generator=generator.part.state,
        scorer=scorer.part.state,
        config=generator.part.config,
        channels=_CHANNELS[str(facts["channels"])],
        height=int(str(facts["height"])),
        width=int(str(facts["width"])),
        classes=len(classes) if isinstance(classes, Sized) else 0,
        rights=generator.rights,
    )
