"""How far a run is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Limits", "Standing", "State"]

State = Literal["running", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Limits:
    """What ends a run: minutes or steps, whichever comes first."""

    minutes: float | None = None
    steps: int | None = None


@dataclass(frozen=True)
class Standing:
    """A run at a moment: steps, pictures seen, seconds, the part done 0..1, seconds left (None: not known yet).

    ``every`` is the seconds between two saves, ``words`` what a failed one failed of.
    """

    state: State
    step: int
    seen: int
    seconds: float
    part: float
    left: float | None
    every: float
    limits: Limits
    words: str = ""
