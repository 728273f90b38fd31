"""The methods of translation, with the numbers of their papers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Final

from ganplugin.registry import Registry
from ganplugin.train.translate.games import Deal, Players, Turn, Weights, contrastive, cyclic, paired

__all__ = ["METHODS", "Method"]

Play = Callable[[Players, Weights, Deal], Turn]


@dataclass(frozen=True)
class Method:
    """How to translate: its game, its weights, whether it learns the way back too, whether it learns from pairs."""

    name: str
    title: str
    play: Play
    weights: Weights
    both_ways: bool = False
    pairs: bool = False

    @property
    def contrastive(self) -> bool:
        """Whether features are compared by PatchNCE."""
        return self.play is contrastive


_ROWS: Final = (
    # Park et al. 2020, section 4.1: weights 10 and 0 and mirrored photos (FastCUT), 1 and 1 (CUT).
    Method("fastcut", "FastCUT", contrastive, Weights(10.0, equivariant=True)),
    Method("cut", "CUT", contrastive, Weights(1.0, 1.0)),
    # Zhu et al. 2017, section 4: 10; section 5.2 has half of that for the identity, for paintings to photos alone.
    Method("cyclegan", "CycleGAN", cyclic, Weights(10.0), both_ways=True),
    # Isola et al. 2017, section 3.3: 100.
    Method("pix2pix", "pix2pix", paired, Weights(100.0), pairs=True),
)

METHODS: Final[Registry[Method]] = reduce(
    lambda table, row: table.add(row.name, row), _ROWS, Registry[Method]("method")
)
"""The methods by name."""
