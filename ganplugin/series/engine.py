"""What renders jobs: this process, several on this machine, or many machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ganplugin.nodes.context import Context
from ganplugin.series.entries import Entry
from ganplugin.series.workshop import Job, Setup, Workshop

__all__ = ["Engine", "InProcess"]


class Engine(Protocol):
    """Renders jobs, in whatever order suits it, and yields an entry for every piece of them."""

    def run(self, setup: Setup, jobs: Iterable[Job], context: Context) -> Iterator[Entry]:
        """Yield what became of each piece, its files being on disk. Raises what stops the whole series."""


class InProcess:
    """One workshop in this process."""

    def run(self, setup: Setup, jobs: Iterable[Job], context: Context) -> Iterator[Entry]:
        """Yield what became of each piece."""
        return Workshop(setup, context).run(jobs)
