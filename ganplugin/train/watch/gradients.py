"""Vanishing gradients: what the generator is told grows too faint to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

import torch
from torch import nn

from ganplugin.train.objectives import Objective
from ganplugin.train.watch.verdict import Verdict, graded

__all__ = ["NAME", "Gradients", "gain", "norm_of"]

NAME: Final = "vanishing-gradients"

_WINDOW: Final = 8
_FAINT: Final = (0.05, 0.01)
_FIX: Final = (
    "use a loss that does not saturate: --loss non-saturating, hinge or relativistic; "
    "or keep the scorer from being so sure: --penalty r1=1, --augment ada"
)


def norm_of(player: nn.Module) -> float:
    """Return the norm of all gradients of a network together, as its last backward pass left them."""
    gradients = [one.grad for one in player.parameters() if one.grad is not None]
    if not gradients:
        return 0.0
    return float(torch.stack(torch._foreach_norm(gradients)).norm())


def gain(objective: Objective, real: float, made: float) -> float:
    """Return how much of the scorer's slope reaches the generator at these mean scores, relative to no opinion.

    It is |d loss / d made| over what that is where both scores are 0: 1 for hinge and Wasserstein games always, and
    2 sigmoid(made) for minimax. Where made pictures score above real ones it is 1, as then nothing needs saying.
    """
    return 1.0 if made >= real else _slope(objective, real, made) / _slope(objective, 0.0, 0.0)


def _slope(objective: Objective, real: float, made: float) -> float:
    score = torch.tensor([made], dtype=torch.float64, requires_grad=True)
    loss = objective.generator(torch.tensor([real], dtype=torch.float64), score)
    return float(torch.autograd.grad(loss, score)[0].abs())


class Gradients:
    """The norm of the generator's gradient and the gain of its loss: in the first steps looked at, and in the last."""

    def __init__(self) -> None:
        self.early: list[float] = []
        self.recent: list[float] = []
        self.gains: list[float] = []

    def note(self, norm: float, passed: float) -> None:
        """Take note of one step."""
        self.early = [*self.early, norm][:_WINDOW]
        self.recent = [*self.recent, norm][-_WINDOW:]
        self.gains = [*self.gains, passed][-_WINDOW:]

    def verdict(self) -> Verdict:
        """Say how faint the gradient is, by medians of 8 steps: watch below 1/20 of the early level, bad below 1/100.

        The same holds for the gain, which tells even if the gradient was faint from the first.
        """
        if len(self.recent) < _WINDOW:
            return Verdict(NAME, "unknown", "too early to tell")
        level, passed = median(self.early), median(self.gains)
        left = median(self.recent) / level if level else 0.0
        severity = sum(min(left, passed) < limit for limit in _FAINT)
        if passed < left:
            words = f"the loss hands on {_share(passed)} of what the scorer tells the generator"
        else:
            words = f"the generator's gradient has {_share(left)} of its early strength"
        return graded(NAME, severity, words, _FIX)

    def state(self) -> dict[str, list[float]]:
        """Return what `restore` takes."""
        return {"early": self.early, "recent": self.recent, "gains": self.gains}

    def restore(self, state: dict[str, Sequence[float]]) -> None:
        """Take over a state."""
        self.early, self.recent, self.gains = (_floats(state[name]) for name in ("early", "recent", "gains"))


def _floats(values: Iterable[float]) -> list[float]:
    return [float(value) for value in values]


def _share(part: float) -> str:
    return f"{100 * part:.0f} %" if part >= 0.095 else f"{100 * part:.2g} %"
