"""Candidates looked at: how good each is, and what it looks like from afar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganplugin.errors import ModelError
from ganplugin.levels import from_uint8
from ganplugin.nodes.context import Context
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.score import fitted
from ganplugin.nodes.values import LoadedModel
from ganplugin.series.looks import look_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Judge"]

_DIGITS = 6
"""Decimals of a score: two machines may differ in the last bits, and the order of candidates should not."""


@dataclass(frozen=True)
class Judge:
    """Judges pictures by a scorer, or finds all of them equal."""

    scorer: LoadedModel | None

    @classmethod
    def of(cls, name: str, context: Context) -> Judge:
        """Open a scorer by its name; an empty name has none. Raises what opening models does."""
        if not name:
            return cls(None)
        scorer = LoadModel(model=name).run(context).model
        scorer.require("scorer")
        return cls(scorer)

    def opinions(self, pictures: Sequence[NDArray[np.uint8]]) -> list[tuple[float, bytes]]:
        """Return the score, higher is better, and the look of each picture, uint8 [h, w, c]."""
        looks = [look_of(picture) for picture in pictures]
        return list(zip(self._scores([from_uint8(picture) for picture in pictures]), looks, strict=True))

    def _scores(self, pictures: Sequence[NDArray[np.float32]]) -> list[float]:
        if self.scorer is None:
            return [0.0] * len(pictures)
        session = self.scorer.session
        rows = np.stack([fitted(picture, session.manifest) for picture in pictures])
        scores = session.score(rows)
        if not np.isfinite(scores).all():
            raise ModelError("gives scores that are no numbers", where=self.scorer.name, fix="use another scorer")
        return [round(float(score), _DIGITS) for score in scores]
