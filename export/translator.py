"""The networks that a translation goes on from: a generator of a checkpoint, and the discriminator beside it if any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import matches_of
from ganplugin.export.known_families import known_families
from ganplugin.models import patch_scorer
from ganplugin.models.players.translators import TRANSLATORS

__all__ = ["TrainedTranslator", "load_translator"]


@dataclass(frozen=True)
class TrainedTranslator:
    """The tensors of the generator and of the discriminator, the generator's family, what is said beside, rights."""

    family: str
    generator: Mapping[str, Tensor]
    scorer: Mapping[str, Tensor] | None
    config: Mapping[str, object]
    rights: str


def load_translator(path: Path) -> TrainedTranslator:
    """Read the first generator from picture to picture that can be trained on, averaged weights first.

    Nothing in the file is run. Raises `FileError` or `CheckpointError` if it cannot be read or holds none.
    """
    matches = matches_of(load_checkpoint(path), known_families())
    generator = next((match for match in matches if match.family.id in TRANSLATORS), None)
    if generator is None:
        titles = ", ".join(family.title for family in TRANSLATORS.values())
        raise CheckpointError("holds no generator that can be trained on here", where=path, fix=f"give a {titles}")
    scorer = next((match.part.state for match in matches if match.family.id == patch_scorer.FAMILY.id), None)
    return TrainedTranslator(generator.family.id, generator.part.state, scorer, generator.part.config, generator.rights)
