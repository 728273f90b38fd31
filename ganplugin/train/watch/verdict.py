"""What a detector says."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal

__all__ = ["Level", "Verdict", "graded", "unripe"]

Level = Literal["good", "watch", "bad", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """One way to fail, by a short name: how far it has come, in words with the number, and what to change.

    ``fix`` is empty where nothing need be changed.
    """

    name: str
    level: Level
    words: str
    fix: str = ""

    def facts(self) -> dict[str, str]:
        """Return it as the log holds it."""
        return asdict(self)

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.name}: {self.words}" + (f" -> {self.fix}" if self.fix else "")


def graded(name: str, severity: int, words: str, fix: str) -> Verdict:
    """Return the verdict of severity 0 (good), 1 (watch) or 2 (bad); a good one has nothing to mend."""
    levels: tuple[Level, Level, Level] = ("good", "watch", "bad")
    return Verdict(name, levels[severity], words, fix if severity else "")


def unripe(verdict: Verdict) -> Verdict:
    """Return the verdict of a run too young to be praised: what is good so far is open, what is not stands."""
    if verdict.level != "good":
        return verdict
    return replace(verdict, level="unknown", words=f"too early to tell: {verdict.words}")
