"""Which precision and which order of maps in memory make a training fastest, found by trying them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch

from ganplugin.train.estimate import Estimate
from ganplugin.train.precision import Precision, worth_trying
from ganplugin.train.workers import Workers

__all__ = ["Tunable", "tuned"]

Played = TypeVar("Played", bound="Tunable")


class Tunable(Protocol):
    """What computes in several ways."""

    device: torch.device
    workers: Workers

    def computing(self: Played, precision: Precision, *, channels_last: bool) -> Played:
        """Compute in this way from now on, and return itself."""
        ...


@dataclass(frozen=True)
class _Trial:
    precision: Precision
    channels_last: bool
    found: Estimate


def tuned(
    game: Played, measure: Callable[[Played], Estimate], *, precision: str, layout: str, report: Callable[[str], None]
) -> tuple[Played, Estimate]:
    """Return the game, computing as asked, or where that is ``auto`` in the fastest way, and how fast that is.

    ``layout`` is plain or channels-last. The better order serves to measure the second precision, so that there are
    three trials and not four. Of several processes the first one's trials count.
    """
    precisions = worth_trying(precision, game.device)
    orders = (False, True) if layout == "auto" else (layout == "channels-last",)

    def trial(precision: Precision, *, channels_last: bool) -> _Trial:
        return _Trial(precision, channels_last, measure(game.computing(precision, channels_last=channels_last)))

    trials = [trial(precisions[0], channels_last=order) for order in orders]
    order = _fastest(trials).channels_last
    trials += [trial(other, channels_last=order) for other in precisions[1:]]
    best = trials[round(game.workers.agreed([trials.index(_fastest(trials))])[0])]
    report(f"{best.found}, {best.precision}")
    return game.computing(best.precision, channels_last=best.channels_last), best.found


def _fastest(trials: list[_Trial]) -> _Trial:
    return min(trials, key=lambda trial: trial.found.seconds)
