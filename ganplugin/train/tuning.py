"""Which precision and which order of maps in memory make a training fastest, found by trying them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganplugin.train.estimate import Estimate, estimate
from ganplugin.train.game import Game
from ganplugin.train.precision import Precision, worth_trying

__all__ = ["tuned"]


@dataclass(frozen=True)
class _Trial:
    precision: Precision
    channels_last: bool
    found: Estimate


def tuned(game: Game, *, precision: str, layout: str, report: Callable[[str], None]) -> tuple[Game, Estimate]:
    """Return the game, computing as asked, or where that is ``auto`` in the fastest way, and how fast that is.

    ``layout`` is plain or channels-last. The better order serves to measure the second precision, so that there are
    three trials and not four. Of several processes the first one's trials count.
    """
    precisions = worth_trying(precision, game.device)
    orders = (False, True) if layout == "auto" else (layout == "channels-last",)
    trials = [_trial(game, precisions[0], channels_last=order) for order in orders]
    order = _fastest(trials).channels_last
    trials += [_trial(game, other, channels_last=order) for other in precisions[1:]]
    best = trials[round(game.workers.agreed([trials.index(_fastest(trials))])[0])]
    report(f"{best.found}, {best.precision}")
    return game.computing(best.precision, channels_last=best.channels_last), best.found


def _fastest(trials: list[_Trial]) -> _Trial:
    return min(trials, key=lambda trial: trial.found.seconds)


def _trial(game: Game, precision: Precision, *, channels_last: bool) -> _Trial:
    return _Trial(precision, channels_last, estimate(game.computing(precision, channels_last=channels_last)))
