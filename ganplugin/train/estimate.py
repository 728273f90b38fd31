"""What a training will take: seconds from a few measured steps, memory from the sizes of its networks."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from ganplugin.errors import TrainingError
from ganplugin.machine import peak_memory
from ganplugin.train.game import Game
from ganplugin.train.recipes.recipe import Recipe

__all__ = ["Estimate", "Prospect", "check_memory", "estimate", "estimated", "require_memory"]

_COPIES = 6
"""Weights, gradients, two moments of Adam, the average or its like, and the last good state."""


_TRAINED = 0.2
_ENOUGH = 0.8


@dataclass(frozen=True)
class Estimate:
    """Seconds for a thousand pictures, the MiB in use after some steps and those there are (None: nobody tells)."""

    seconds: float
    used: int | None
    there: int | None

    def __str__(self) -> str:
        """Return it in words."""
        memory = f", {self.used:,} MiB of memory" if self.used else ""
        there = f" of {self.there:,}" if self.used and self.there else ""
        return f"about {self.seconds:.1f} s for 1,000 pictures ({1000 / self.seconds:.0f} pictures/s){memory}{there}"


@dataclass(frozen=True)
class Prospect:
    """When pictures will be worth looking at, and whether the run goes on so long: minutes, the limit in words."""

    usable: float
    budget: float
    limit: str

    @classmethod
    def of(
        cls, recipe: Recipe, found: Estimate, *, minutes: float | None, steps: int | None, going_on: bool
    ) -> Prospect:
        """Return the prospect at the speed that was found, of a run of so many minutes or steps.

        Networks ``going_on`` from trained ones take a fifth of the pictures, as StyleGAN2-ADA's repository says of its
        own.
        """
        seconds = found.seconds
        kimg = recipe.usable_kimg * (_TRAINED if going_on else 1.0)
        limits = [(minutes, f"--minutes {minutes:g}")] if minutes else []
        if steps:
            shown = steps * recipe.batch / 1000
            limits.append((shown * seconds / 60, f"--kimg {shown:.4g}"))
        budget, limit = min(limits, default=(math.inf, ""))
        return cls(kimg * seconds / 60, budget, limit)

    def __str__(self) -> str:
        """Return it in words."""
        words = f"a usable result after about {_lasting(self.usable)}"
        return words if self.budget >= _ENOUGH * self.usable else f"{words}; {self.limit} will be a sketch"


def _lasting(minutes: float) -> str:
    if minutes < 90:
        return f"{max(1, round(minutes))} minutes" if round(minutes) > 1 else "a minute"
    return f"{minutes / 60:.0f} hours" if minutes < 48 * 60 else f"{minutes / 60 / 24:.0f} days"


def estimate(game: Game) -> Estimate:
    """Measure some steps with and without penalties, and leave the game as it was."""
    state = game.state()
    _timed(game, turns=0)
    plain = min(_timed(game, turns=1) for _ in range(2))
    penalised = _timed(game, turns=0) if game.penalties.any else plain
    seconds = plain + (penalised - plain) / max(1, game.penalties.every // game.recipe.scorer_steps)
    game.restore(state)
    return estimated(seconds, game.recipe.batch, game.device)


def estimated(seconds: float, batch: int, device: torch.device) -> Estimate:
    """Return what a step of ``batch`` pictures that took so many seconds on a device tells."""
    return Estimate(max(seconds, 1e-6) / batch * 1000, _used(device), _there(device))


def _timed(game: Game, *, turns: int) -> float:
    game.turns = turns
    start = time.perf_counter()
    game.advance(0.0)
    return time.perf_counter() - start


def check_memory(game: Game) -> None:
    """Raise `TrainingError` if the networks alone need more memory than there is."""
    count = sum(one.numel() for player in (game.painter, game.judge) for one in player.parameters())
    require_memory(count, game.device)


def require_memory(count: int, device: torch.device) -> None:
    """Raise `TrainingError` if networks of so many numbers need more memory than the device has left."""
    needed, there = count * 4 * _COPIES >> 20, _there(device)
    if there is not None and needed > there:
        raise TrainingError(
            f"networks of {count / 1e6:.0f} million numbers need {needed:,} MiB, but {there:,} MiB are free",
            fix="use a smaller --width or --size",
        )


def _used(device: torch.device) -> int | None:
    return torch.cuda.max_memory_allocated(device) >> 20 if device.type == "cuda" else peak_memory()


def _there(device: torch.device) -> int | None:
    """Return the free MiB of the device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0]) >> 20
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable")]
    return int(found[0]) >> 10 if found else None
