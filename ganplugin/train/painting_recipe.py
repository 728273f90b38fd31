"""What the trainings of style networks are asked for, whether for named styles or for any painting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ganplugin.train.computing import Computing
from ganplugin.train.manner import MannerWeights
from ganplugin.train.precision import Precision
from ganplugin.train.run_file import Called, write_facts

__all__ = ["PaintingRecipe"]


@dataclass(frozen=True)
class PaintingRecipe:
    """Everything that decides what a style network becomes.

    ``paintings`` are files and folders, ``photos`` those to learn on, ``features`` the weights of VGG-16. ``called``
    is how it was asked for, which the run writes down to go on.
    """

    paintings: tuple[Path, ...]
    photos: tuple[Path, ...]
    features: Path
    out: Path
    size: int
    batch: int
    crop: int = 192
    seed: int = 0
    learning_rate: float = 1e-3
    content_weight: float = 1.0
    computing: Computing = field(default_factory=Computing)
    data: str = ""
    licence: str = ""
    called: Called = field(default_factory=Called)

    @property
    def weights(self) -> MannerWeights:
        """The weights of the parts of the loss."""
        return replace(MannerWeights(), content=self.content_weight)

    @property
    def provenance(self) -> dict[str, str]:
        """What the model says of its pictures."""
        return {"data": self.data or "paintings and photos of the user", "licence": self.licence}

    def note(self, kind: str, paintings: Sequence[str], photos: int, precision: Precision) -> None:
        """Write ``run.json``: what this run is, with the names of its paintings and the number of photos."""
        facts = {
            "recipe": kind,
            **self.called.facts(),
            "paintings": list(paintings),
            "pictures": photos,
            "data": self.provenance["data"],
            "precision": precision,
        }
        write_facts(self.out, facts)
