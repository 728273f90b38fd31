"""The watch over the training of a generator: it measures, and says what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.held_out import HeldOut
from ganplugin.train.state import State
from ganplugin.train.watch.collapse import collapse
from ganplugin.train.watch.gradients import Gradients, gain, norm_of
from ganplugin.train.watch.imbalance import Balance
from ganplugin.train.watch.looking import Looked, Looking
from ganplugin.train.watch.memorisation import memorisation
from ganplugin.train.watch.opinions import opinions_of
from ganplugin.train.watch.overfitting import overfitting, remedy
from ganplugin.train.watch.verdict import Verdict, unripe

__all__ = ["COPIES", "GeneratorWatch"]

COPIES: Final = "copies.png"

_EARLY: Final = 0.1
_EARLY_KIMG: Final = 50.0


class GeneratorWatch:
    """See `ganplugin.train.loop.Watch`. It changes nothing of the game, nor of any random state.

    ``looking`` is None where samples shall not be looked at, which costs most: then only losses, gradients and the
    scorer's opinions are watched.
    """

    def __init__(self, trainer: GeneratorTrainer, held: HeldOut, looking: Looking | None, folder: Path) -> None:
        self.trainer, self.held, self.looking, self.folder = trainer, held, looking, folder
        self.gradients, self.balance = Gradients(), Balance(trainer.game.objective)
        self._looked: Looked | None = None

    def measure(self) -> Mapping[str, float | str]:
        """Return the metrics against the pictures that were held out, KID first; nothing where none were."""
        if self.looking is None:
            return {}
        self._looked = self.looking.look(self.trainer.paint)
        return {} if self.held.unseen is None else {**self._looked.numbers, "backbone": self.looking.eye.name}

    def follow(self, losses: Mapping[str, float]) -> Sequence[Verdict]:
        """Take note of the step just done, whose losses these are, and return what losses and gradients say."""
        game, real, made = self.trainer.game, losses["real"], losses["made"]
        self.gradients.note(norm_of(game.painter), gain(game.objective, real, made))
        self.balance.note(losses["scorer"], real - made)
        return (self.gradients.verdict(), self.balance.verdict())

    def verdicts(self) -> Sequence[Verdict]:
        """Return all verdicts, after `measure`, and write ``copies.png``."""
        game, held, looked = self.trainer.game, self.held, self._looked
        if looked is not None and self.looking is not None:
            self.looking.write_copies(self.folder / COPIES, looked, self.trainer.paint)
        verdicts = (
            collapse(None if looked is None else looked.crowd, early=self._early),
            overfitting(None if held.unseen is None else opinions_of(game, held.unseen), remedy(game.recipe)),
            memorisation(
                None if looked is None else looked.copies,
                0 if self.looking is None else len(self.looking.order),
                len(held.training),
            ),
            self.gradients.verdict(),
            self.balance.verdict(),
        )
        return tuple(map(unripe, verdicts)) if self._early else verdicts

    @property
    def _early(self) -> bool:
        usable = self.trainer.game.recipe.usable_kimg
        return self.trainer.seen < 1000 * min(_EARLY * usable, _EARLY_KIMG)

    def state(self) -> State:
        """Return what later verdicts depend on."""
        return {"gradients": self.gradients.state(), "balance": self.balance.state()}

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        numbers = cast(Mapping[str, dict[str, Sequence[float]]], state)
        self.gradients.restore(numbers["gradients"])
        self.balance.restore(numbers["balance"])
