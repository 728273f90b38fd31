"""Loss imbalance: one of the two networks wins so clearly, and for so long, that neither learns."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

import torch

from ganplugin.train.objectives import Objective
from ganplugin.train.watch.verdict import Verdict, graded

__all__ = ["NAME", "Balance", "loss_of_no_opinion"]

NAME: Final = "imbalance"

_WINDOW: Final = 10
_SURE: Final = (0.05, 0.02)
_WRONG: Final = (1.05, 1.15)
_STRONG: Final = "the scorer wins: --penalty r1=10, --augment ada, a lower --learning-rate, or --loss wgan-gp"
_WEAK: Final = "the scorer loses: a lower --learning-rate, lighter --penalty, --loss hinge, or a larger --batch"


def loss_of_no_opinion(objective: Objective) -> float:
    """Return the least scorer's loss that one score for all pictures gets; 0 for the critics of Wasserstein games."""
    scores = torch.linspace(-1, 1, 201, dtype=torch.float64)
    return min(float(objective.scorer(score[None], score[None])) for score in scores)


class Balance:
    """The scorer's losses of the last steps looked at, and how far real pictures scored above made ones.

    ``strong`` and ``weak`` say what helps where the scorer wins, and where it loses.
    """

    def __init__(self, objective: Objective, strong: str = _STRONG, weak: str = _WEAK) -> None:
        self.none, self.strong, self.weak = loss_of_no_opinion(objective), strong, weak
        self.losses: list[float] = []
        self.leads: list[float] = []

    def note(self, loss: float, lead: float) -> None:
        """Take note of one step."""
        self.losses = [*self.losses, loss][-_WINDOW:]
        self.leads = [*self.leads, lead][-_WINDOW:]

    def verdict(self) -> Verdict:
        """Say who wins, by the median of 10 steps of the scorer's loss over that of no opinion.

        Below 1/20 (watch) or 1/50 (bad) it is always right, above 1.05 or 1.15 worse than having no opinion. A critic
        ought to be right; it is wrong where made pictures score above real ones.
        """
        if len(self.losses) < _WINDOW:
            return Verdict(NAME, "unknown", "too early to tell")
        return self._of_critic() if self.none < 1e-9 else self._of_ratio(median(self.losses) / self.none)

    def _of_critic(self) -> Verdict:
        lead = median(self.leads)
        words = f"real pictures score {abs(lead):.2g} {'above' if lead >= 0 else 'below'} made ones"
        return graded(NAME, 0 if lead >= 0 else 2, words, self.weak)

    def _of_ratio(self, ratio: float) -> Verdict:
        words = f"the scorer's loss is {ratio:.2g} of what no opinion would get"
        if ratio > 1:
            return graded(NAME, sum(ratio > limit for limit in _WRONG), words, self.weak)
        return graded(NAME, sum(ratio < limit for limit in _SURE), words, self.strong)

    def state(self) -> dict[str, list[float]]:
        """Return what `restore` takes."""
        return {"losses": self.losses, "leads": self.leads}

    def restore(self, state: dict[str, Sequence[float]]) -> None:
        """Take over a state."""
        self.losses, self.leads = ([float(value) for value in state[name]] for name in ("losses", "leads"))
