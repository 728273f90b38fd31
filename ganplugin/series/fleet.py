"""The workers of a cluster, as the driver of a series sees them: given chunks, listened to, replaced when they die."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ganplugin.errors import DependencyError
from ganplugin.nodes.context import Context
from ganplugin.nodes.provenance import current_versions
from ganplugin.series.chunks import Chunks
from ganplugin.series.cluster import Cluster, Resources
from ganplugin.series.entries import Entry, Failed
from ganplugin.series.plan import Piece
from ganplugin.series.sending import Sender
from ganplugin.series.shipment import Greeting, Made
from ganplugin.series.storage import Storage
from ganplugin.series.trouble import Trouble
from ganplugin.series.workshop import Job, Setup

__all__ = ["Crew", "Fleet"]

_AHEAD: Final = 2
"""Chunks that a worker has at most: one at hand and one to go on with."""

_POLL_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 15.0
_SLOW_START_SECONDS: Final = 30.0
_STILLBORN: Final = 3
"""So many workers in a row that die before they say a word end a run."""

_WORKER_LOST, _NODE_LOST, _TOO_OFTEN = 3, 1, 6
"""How much it speaks against a piece that a worker died over it, or a whole machine went away, and when to give up."""

_WRITERS: Final = 8
"""Threads that write what comes back: they mostly wait for the disk."""


@dataclass(frozen=True)
class Crew:
    """So many workers with such resources on a cluster."""

    cluster: Cluster
    size: int
    resources: Resources


@dataclass(frozen=True)
class _Given:
    """A chunk that a worker has, and which lasting files it has when it is done: not before, they may take long."""

    jobs: tuple[Job, ...]
    lasting: frozenset[str]


@dataclass(eq=False)
class _Hand:
    """A worker: its actor, what it is waited for to say, the files that it has, and the chunks it was given."""

    actor: Any
    greeting: Any
    node: str = ""
    has: set[str] = field(default_factory=set)
    open: dict[Any, _Given] = field(default_factory=dict)
    suspected: bool = False
    """Whether it has a piece at hand that a worker died over: such a piece takes no other along."""

    @property
    def has_room(self) -> bool:
        """Whether it can be given one more chunk."""
        return bool(self.node) and not self.suspected and len(self.open) < _AHEAD


class Fleet:
    """Workers that make the chunks of one run. ``storage`` takes the files that come back with the pieces."""

    def __init__(
        self,
        crew: Crew,
        setup: Setup,
        sender: Sender,
        context: Context,
        *,
        storage: Storage | None = None,
        beside: Path | None = None,
    ) -> None:
        self._crew, self._ray = crew, crew.cluster.ray
        self._sender, self._context, self._storage = sender, context, storage
        self._arguments = (self._ray.put(setup), beside)
        self._back: deque[tuple[Job, ...]] = deque()
        """Chunks of machines that went away."""
        self._again: deque[Job] = deque()
        """Single pieces that a worker died over."""
        self._blame: Counter[int] = Counter()
        self._stillborn = 0
        self._since = time.monotonic()
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="writer")
        self._hands = [self._started() for _ in range(crew.size)]

    def run(self, jobs: Iterator[Job]) -> Iterator[Entry]:
        """Yield what the workers tell, until nothing is open."""
        chunks = Chunks(jobs)
        while self._feed(chunks):
            self._context.check()
            for ref, hand in self._ready():
                if ref == hand.greeting:  # a ray:// connection gives other objects for the same reference
                    yield from self._greeted(hand)
                elif hand in self._hands:
                    yield from self._heard(hand, ref, chunks)

    def close(self) -> None:
        """End all workers, first kindly."""
        self._writers.shutdown(wait=True, cancel_futures=True)
        stopping = [hand.actor.stop.remote() for hand in self._hands if hand.node]
        if stopping:
            self._ray.wait(stopping, num_returns=len(stopping), timeout=_PATIENCE_SECONDS)
        for hand in self._hands:
            self._ray.kill(hand.actor)

    def _started(self) -> _Hand:
        from ganplugin.series.cluster_worker import ClusterWorker

        resources = self._crew.resources
        # Threads: the chunks that it has, and one to hear that it should stop.
        actor = (
            self._ray.remote(ClusterWorker)
            .options(
                num_cpus=resources.cpus,
                num_gpus=resources.gpus,
                max_restarts=0,
                max_concurrency=_AHEAD + 1,
                scheduling_strategy="SPREAD",
            )
            .remote(*self._arguments)
        )
        return _Hand(actor, actor.greet.remote())

    def _feed(self, chunks: Chunks) -> bool:
        """Give every worker what it has room for; tell whether anything is open or still to be given."""
        for hand in self._hands:
            while hand.has_room and (jobs := self._next(hand, chunks)):
                chunk = self._sender.chunk(jobs, hand.has)
                hand.open[hand.actor.make.remote(chunk)] = _Given(jobs, chunk.lasting)
        waiting = bool(self._again or self._back) or not chunks.is_empty()
        return waiting or any(hand.open for hand in self._hands)

    def _next(self, hand: _Hand, chunks: Chunks) -> tuple[Job, ...]:
        if self._again and not hand.open:
            hand.suspected = True
            return (self._again.popleft(),)
        return self._back.popleft() if self._back else chunks.next()

    def _ready(self) -> Iterator[tuple[Any, _Hand]]:
        """Wait a little; yield what was said, and by whom."""
        refs = {ref: hand for hand in self._hands for ref in hand.open}
        refs.update((hand.greeting, hand) for hand in self._hands if not hand.node)
        found, _ = self._ray.wait(list(refs), num_returns=1, timeout=_POLL_SECONDS)
        if not found and time.monotonic() - self._since > _SLOW_START_SECONDS and not any(h.node for h in self._hands):
            self._context.reporter.message("no worker has started yet: the cluster has no room, or is still growing")
        return ((ref, refs[ref]) for ref in found)

    def _greeted(self, hand: _Hand) -> Iterator[Entry]:
        found = self._got(hand.greeting)
        if isinstance(found, Greeting):
            _check_versions(found)
            hand.node, self._stillborn = found.node, 0
            return
        self._stillborn += 1
        if self._stillborn >= _STILLBORN:
            raise DependencyError(
                f"workers do not start: {_last_line(found)}", fix="each node needs the same ganplugin and its runtime"
            )
        yield from self._lost(hand)

    def _heard(self, hand: _Hand, ref: Any, chunks: Chunks) -> Iterator[Entry]:  # noqa: ANN401 - an object reference
        found = self._got(ref)
        if isinstance(found, Trouble):
            raise found.error()
        if not isinstance(found, tuple):
            yield from self._lost(hand)
            return
        given = hand.open.pop(ref)
        hand.has |= given.lasting
        pieces = {piece.index: piece for job in given.jobs for piece in job.pieces}
        hand.suspected = False
        self._write(found)
        for made in found:
            chunks.note(made.entry)
            # The worker knows the piece under names of its own.
            yield made.entry.model_copy(update={"digest": pieces[made.entry.piece].digest})

    def _got(self, ref: Any) -> Any:  # noqa: ANN401 - an object reference, and what it refers to
        """Return what a worker said, or the error of Ray's that says that the worker is no more."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(ref)
        except errors.RayTaskError:
            raise  # a mistake of ours
        except errors.RayError as error:
            return error

    def _write(self, made: Iterable[Made]) -> None:
        storage = self._storage
        if storage is not None:
            files = [file for it in made for file in it.files]
            list(self._writers.map(lambda file: storage.write(*file), files))

    def _lost(self, hand: _Hand) -> Iterator[Entry]:
        """Start a worker in place of one that died, and have what it was given made by another."""
        died_alone = not hand.node or self._crew.cluster.is_alive(hand.node)
        who = "worker died" if died_alone else "machine went away"
        self._context.reporter.message(f"a {who}: what it was making is given to others")
        for given in hand.open.values():
            left: list[Job] = []
            for task, piece in ((job.task, piece) for job in given.jobs for piece in job.pieces):
                self._blame[piece.index] += _WORKER_LOST if died_alone else _NODE_LOST
                if self._blame[piece.index] >= _TOO_OFTEN:
                    yield _given_up(piece)
                else:
                    left.append(Job(task, (piece,)))
            if died_alone:
                self._again.extend(left)
            elif left:
                self._back.append(tuple(left))
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(hand.actor)  # it may only be out of reach
        self._hands[self._hands.index(hand)] = self._started()


def _given_up(piece: Piece) -> Failed:
    error = "its worker died every time, perhaps for want of memory"
    return Failed(piece=piece.index, digest=piece.digest, error=error, kind="WorkerLost")


def _check_versions(greeting: Greeting) -> None:
    """Raise `DependencyError` if a node would make other bytes than this machine."""
    ours, theirs = dict(current_versions()), dict(greeting.versions)
    for package in sorted(ours.keys() | theirs.keys()):
        if ours.get(package) != theirs.get(package):
            raise DependencyError(
                f"has {package} {theirs.get(package, 'not at all')}, this machine has {ours.get(package, 'none')}",
                where=f"node {greeting.node[:12]}",
                fix="install the same versions on every node: pieces would not be the same",
            )


def _last_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
