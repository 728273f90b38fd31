"""Whether compiling its networks makes a training faster, found by trying it."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from torch._dynamo.exc import TorchDynamoException

from ganplugin.train.estimate import Estimate, estimate
from ganplugin.train.game import Game

__all__ = ["compiled_as_before", "compiled_if_faster"]

Report = Callable[[str], None]


def compiled_if_faster(game: Game, plain: Estimate, *, report: Report) -> Estimate:
    """Compile the networks of a game if that is faster than ``plain``, and return how fast the game is then.

    Everything else of the game stays as it was. Of several processes the first one's trial counts. Where nothing can be
    compiled, for want of a compiler, that is said, and the game plays as before.
    """
    found = _compiled(game, report)
    if found is None:
        return plain
    times = game.workers.agreed([plain.seconds / found.seconds])[0]
    if times > 1:
        report(f"compiled, it is {times:.2f} times as fast: {found}")
        return found
    report(f"compiled, it is {times:.2f} times as fast: goes on without")
    game.compiling(False)
    return plain


def compiled_as_before(game: Game, plain: Estimate, *, report: Report) -> Estimate:
    """Compile the networks of a game that was begun so, whatever that gains now; see `compiled_if_faster`."""
    return _compiled(game, report) or plain


def _compiled(game: Game, report: Report) -> Estimate | None:
    """Compile, and return how fast the game is; none, and a game as it was, where nothing can be compiled."""
    report("compiling the networks, which takes a minute or more")
    state = game.state()
    try:
        with warnings.catch_warnings():
            # The compiler looks at more of a tensor than it needs, and its own parts are of several years.
            warnings.simplefilter("ignore")
            return estimate(game.compiling(True))
    except TorchDynamoException as error:
        game.compiling(False).restore(state)
        report(f"cannot be compiled here, goes on without: {_first_line(error)}")
        return None


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
