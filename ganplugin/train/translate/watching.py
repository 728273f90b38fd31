"""The watch over the training of a translation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganplugin.models.players.translators import PatchJudge
from ganplugin.train.ema import frozen_copy
from ganplugin.train.metrics.evaluation import as_levels
from ganplugin.train.objectives import OBJECTIVES
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.state import State
from ganplugin.train.translate.games import FORWARD
from ganplugin.train.translate.sides import floats, middles
from ganplugin.train.translate.trainer import TranslateTrainer
from ganplugin.train.watch.imbalance import Balance
from ganplugin.train.watch.opinions import Opinions
from ganplugin.train.watch.overfitting import overfitting
from ganplugin.train.watch.translating import sameness, unchanged
from ganplugin.train.watch.verdict import Verdict

__all__ = ["TranslateWatch"]

_MOST: Final = 64
_BATCH: Final = 8
_SEED: Final = 0
_EARLY: Final = 200
_STRONG: Final = "the scorer wins: --augment colour,translation,cutout, a lower --learning-rate, more pictures"
_WEAK: Final = "the scorer loses: a lower --learning-rate, or a lower --content-weight"
_OVERFITTING: Final = "--augment colour,translation,cutout; more pictures, or --crops; best.safetensors holds the best"

Scores = NDArray[np.float64]


class TranslateWatch:
    """See `ganplugin.train.loop.Watch`. Looks at the way forward, on up to 64 pictures of each kind."""

    def __init__(self, trainer: TranslateTrainer) -> None:
        self.trainer = trainer
        self.balance = Balance(OBJECTIVES["lsgan"], _STRONG, _WEAK)
        sides, frame = trainer.duel.sides, trainer.duel.frame
        self.photos, self.styles = (middles(side, frame, _MOST) for side in (sides.photos, sides.styles))
        self.unseen = tuple(middles(side, frame, _MOST) for side in (sides.unseen_photos, sides.unseen_styles))

    def follow(self, losses: Mapping[str, float]) -> Sequence[Verdict]:
        """Take note of the step just done, whose losses these are, and return what they say."""
        self.balance.note(losses["scorer"] / len(self.trainer.duel.players.judges), 0.0)
        return (self.balance.verdict(),)

    def verdicts(self) -> Sequence[Verdict]:
        """Return all verdicts."""
        made = self._translated(self.photos)
        levels = as_levels(made).numpy()
        return (
            sameness(levels, self.photos.pixels, self.styles.pixels, early=self.trainer.step < _EARLY),
            unchanged(levels, self.photos.pixels),
            overfitting(self._opinions(made), _OVERFITTING),
            self.balance.verdict(),
        )

    def _translated(self, photos: PackedSet) -> Tensor:
        return torch.cat([self.trainer.translate(some).cpu() for some in torch.split(floats(photos), _BATCH)])

    def _opinions(self, made: Tensor) -> Opinions:
        """Ask a copy of the discriminator, with the same random changes each time; the game is left as it is."""
        duel = self.trainer.duel
        judge, kept = frozen_copy(duel.players.judges[FORWARD]), duel.own.get_state()
        duel.own.manual_seed(_SEED)
        photos, styles = floats(self.photos), floats(self.styles)
        unseen_photos, unseen_styles = (floats(side) for side in self.unseen)
        shown = [(photos, styles), (unseen_photos, unseen_styles), (photos, made)]
        scores = [self._scored(judge, torch.cat(two, dim=1) if duel.method.pairs else two[1]) for two in shown]
        duel.own.set_state(kept)
        return Opinions(*scores)

    @torch.no_grad()
    def _scored(self, judge: PatchJudge, pictures: Tensor) -> Scores:
        duel = self.trainer.duel
        seen = [judge(duel.look(some.to(duel.device))).float().flatten(1) for some in torch.split(pictures, _BATCH)]
        found: Scores = torch.cat(seen).mean(1).double().cpu().numpy()
        return found

    def state(self) -> State:
        """Return what later verdicts depend on."""
        return {"balance": self.balance.state()}

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        self.balance.restore(cast(Mapping[str, dict[str, Sequence[float]]], state)["balance"])
