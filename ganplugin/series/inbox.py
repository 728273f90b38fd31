"""Jobs for a workshop, as they come in from elsewhere."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Final

from ganplugin.series.workshop import Job

__all__ = ["Inbox"]

_POLL_SECONDS: Final = 0.1


class Inbox:
    """What a workshop runs through: jobs in the order they were put in, and None while there is nothing to do.

    Any thread may put jobs in, and end or close it.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    def put(self, job: Job) -> None:
        """Add a job."""
        self._jobs.put(job)

    def end(self) -> None:
        """Say that no more jobs come; those that are there are done."""
        self._jobs.put(None)

    def close(self) -> None:
        """Say that nothing is wanted any more, not even what is there."""
        self._closed.set()

    def is_closed(self) -> bool:
        """Tell whether it was closed."""
        return self._closed.is_set()

    def __iter__(self) -> Iterator[Job | None]:
        while not self._closed.is_set():
            try:
                job = self._jobs.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                yield None
                continue
            if job is None:
                return
            yield job
