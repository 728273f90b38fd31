"""Jobs cut into chunks of about the same length in time, so that handing them out costs next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ganplugin.series.entries import Entry, Failed
from ganplugin.series.workshop import Job

__all__ = ["Chunks"]

_FIRST: Final = 4
"""Pieces of a chunk while nothing is known of how long they take."""

_MOST: Final = 64
_AIM_SECONDS: Final = 2.0
_MEMORY: Final = 0.9
"""How much of what is known of a piece's time is kept when the next is heard of."""


class Chunks:
    """Cuts jobs as they are asked for; what is heard of finished pieces decides how many go into the next chunk."""

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._jobs = jobs
        self._left: Job | None = None
        self._seconds = 0.0

    def next(self) -> tuple[Job, ...]:
        """Return the jobs of the next chunk; none if there are no more."""
        room, chunk = self._size(), list[Job]()
        while room > 0 and (job := self._left or next(self._jobs, None)) is not None:
            now, later = job.pieces[:room], job.pieces[room:]
            chunk.append(Job(job.task, now))
            self._left = Job(job.task, later) if later else None
            room -= len(now)
        return tuple(chunk)

    def is_empty(self) -> bool:
        """Tell whether there are no more."""
        self._left = self._left or next(self._jobs, None)
        return self._left is None

    def note(self, entry: Entry) -> None:
        """Learn from a piece how long one takes."""
        if not isinstance(entry, Failed):
            self._seconds = _MEMORY * (self._seconds or entry.seconds) + (1 - _MEMORY) * entry.seconds

    def _size(self) -> int:
        if not self._seconds:
            return _FIRST
        return min(max(int(_AIM_SECONDS / self._seconds), 1), _MOST)
