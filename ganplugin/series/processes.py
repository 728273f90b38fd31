"""Several workshops on this machine, each a process of its own with its own models."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final

from ganplugin.errors import Cancelled, GanPluginError
from ganplugin.files import os_errors
from ganplugin.nodes.context import Context
from ganplugin.series.entries import Entry, Failed
from ganplugin.series.inbox import Inbox
from ganplugin.series.trouble import Trouble
from ganplugin.series.workshop import Job, Setup, Workshop

__all__ = ["Processes"]

_AHEAD: Final = 2
"""Jobs that a process has at most: one at hand and one to go on with."""

_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Processes:
    """So many processes; ``devices`` are shared out among them in turn, such as cuda:0 and cuda:1."""

    workers: int
    devices: tuple[str, ...] = ()

    def run(self, setup: Setup, jobs: Iterable[Job], context: Context) -> Iterator[Entry]:
        """Yield what became of each piece. The pieces of a process that dies are given to another, once."""
        crew = _Crew([self._setup(setup, number) for number in range(self.workers)], context)
        with contextlib.closing(crew):
            yield from crew.run(iter(jobs))

    def _setup(self, setup: Setup, number: int) -> Setup:
        return replace(setup, device=self.devices[number % len(self.devices)]) if self.devices else setup


@dataclass(eq=False)
class _Worker:
    """A process, its end of the pipe, and the pieces that it has been given and has not told of."""

    process: BaseProcess
    pipe: Connection
    open: list[Job] = field(default_factory=list)

    def give(self, job: Job | None) -> None:
        """Send a job, or None when there are no more."""
        if job is not None:
            self.open.append(job)
        with contextlib.suppress(OSError):  # it died: that is heard of when its end of the pipe is read
            self.pipe.send(job)

    def told(self, entry: Entry) -> None:
        """Strike a piece off."""
        left = [Job(it.task, tuple(piece for piece in it.pieces if piece.index != entry.piece)) for it in self.open]
        self.open = [job for job in left if job.pieces]


class _Crew:
    def __init__(self, setups: list[Setup], context: Context) -> None:
        self._context = context
        self._setups = setups
        self._workers = [_started(setup) for setup in setups]
        self._again: list[Job] = []
        self._tried: set[int] = set()

    def run(self, jobs: Iterator[Job]) -> Iterator[Entry]:
        """Yield what the workers tell, until nothing is open."""
        self._feed(jobs)
        while any(worker.open for worker in self._workers):
            self._context.check()
            ready = wait([worker.pipe for worker in self._workers], _POLL_SECONDS)
            for worker in [worker for worker in self._workers if worker.pipe in ready]:
                yield from self._heard(worker)
            self._feed(jobs)

    def _feed(self, jobs: Iterator[Job]) -> None:
        for worker in self._workers:
            while (job := self._next(worker, jobs)) is not None:
                worker.give(job)

    def _next(self, worker: _Worker, jobs: Iterator[Job]) -> Job | None:
        """Return what a worker is to do next, if it has room."""
        if any(piece.index in self._tried for job in worker.open for piece in job.pieces):
            return None
        if self._again:
            # With nothing beside it, so that a piece that kills its process takes no other along the second time.
            return None if worker.open else self._again.pop()
        return next(jobs, None) if len(worker.open) < _AHEAD else None

    def _heard(self, worker: _Worker) -> Iterator[Entry]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._lost(worker)
            return
        if isinstance(message, Trouble):
            raise message.error()
        worker.told(message)
        yield message

    def _lost(self, worker: _Worker) -> Iterator[Entry]:
        """Start a process in place of one that died, and give what it had to try once more, piece by piece."""
        _end(worker.process)
        left = [(job.task, piece) for job in worker.open for piece in job.pieces]
        for task, piece in left:
            if piece.index in self._tried:
                error = f"the worker died over it twice (exit code {worker.process.exitcode})"
                yield Failed(piece=piece.index, digest=piece.digest, error=error, kind="WorkerLost")
            else:
                self._tried.add(piece.index)
                self._again.append(Job(task, (piece,)))
        number = self._workers.index(worker)
        self._workers[number] = _started(self._setups[number])

    def close(self) -> None:
        """End all processes: at once if they have work, else when they have tidied up."""
        for worker in self._workers:
            if not worker.open:
                worker.give(None)
            with contextlib.suppress(OSError):
                worker.pipe.close()
        for worker in self._workers:
            _end(worker.process)


def _started(setup: Setup) -> _Worker:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_work, args=(setup, theirs), daemon=True)
    with os_errors("a worker"), _deaf_to_interrupts():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let processes that are started now never hear Ctrl-C, not even while they load; here it only waits."""
    mask = getattr(signal, "pthread_sigmask", None)  # not on Windows
    if mask is None:
        yield
        return
    # The first process that is started starts Python's tracker before it, which would let signals through again.
    resource_tracker.ensure_running()
    before = mask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        mask(signal.SIG_SETMASK, before)


def _end(process: BaseProcess) -> None:
    """Wait for a process to end by itself, but not for ever."""
    process.join(_PATIENCE_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


def _work(setup: Setup, pipe: Connection) -> None:
    """Make what comes through the pipe until it is closed, which it is too when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which closes the pipe
    inbox = Inbox()
    threading.Thread(target=_listen, args=(pipe, inbox), name="inbox", daemon=True).start()
    try:
        for entry in Workshop(setup, Context(cancelled=inbox.is_closed)).run(inbox):
            if not _told(pipe, entry):
                return
    except Cancelled:
        return
    except GanPluginError as error:
        _told(pipe, Trouble.of(error))


def _told(pipe: Connection, message: Entry | Trouble) -> bool:
    """Send a message, unless nobody is left to hear it."""
    with contextlib.suppress(OSError):
        pipe.send(message)
        return True
    return False


def _listen(pipe: Connection, inbox: Inbox) -> None:
    with contextlib.suppress(EOFError, OSError):
        while (job := pipe.recv()) is not None:
            inbox.put(job)
        inbox.end()
        return
    inbox.close()  # the parent is gone, or wants no more
