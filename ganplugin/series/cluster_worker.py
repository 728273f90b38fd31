"""A worker of a cluster: one workshop that lives as long as the run and is given chunk after chunk."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from ganplugin.builtin import catalog
from ganplugin.errors import Cancelled, GanPluginError
from ganplugin.library import BUILTIN_PREFIX
from ganplugin.nodes.context import Context
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.provenance import current_versions
from ganplugin.series.entries import Done, Entry, WrittenFile
from ganplugin.series.inbox import Inbox
from ganplugin.series.naming import FileName, PieceFiles
from ganplugin.series.returned_storage import ReturnedStorage
from ganplugin.series.shipment import Chunk, Greeting, Made, Shipment
from ganplugin.series.trouble import Trouble
from ganplugin.series.worker_folder import WorkerFolder
from ganplugin.series.workshop import Job, Setup, Workshop

__all__ = ["ClusterWorker", "provider_on"]


def provider_on(device: str, threads: int) -> str:
    """Return what computes on a device of this machine. Raises `ProviderError` if it does not come up."""
    # Any model tells; one that comes with the package is there.
    model = LoadModel(model=f"{BUILTIN_PREFIX}{min(catalog())}")
    return model.run(Context(device, threads)).model.provider


class ClusterWorker:
    """Makes the pieces of chunks, several chunks at once if it is asked to, so that its network never waits.

    ``beside`` is the driver's working folder where the worker sees the same disks; without it the worker has a folder
    of its own, for the files that come with the chunks. Any thread may call any method.
    """

    def __init__(self, setup: Setup, beside: Path | None = None) -> None:
        self._folder = None if beside is not None else WorkerFolder()
        if beside is not None:
            os.chdir(beside)
        self._setup = setup if self._folder is None else replace(setup, home=self._folder.path)
        self._names = PieceFiles(setup.series.outputs, setup.views)
        self._inbox = Inbox()
        self._open: dict[int, _Box] = {}
        self._ended: BaseException | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="workshop", daemon=True)
        self._thread.start()

    def greet(self) -> Greeting:
        """Say that it is there."""
        import ray

        return Greeting(ray.get_runtime_context().get_node_id(), current_versions())

    def make(self, chunk: Chunk) -> tuple[Made, ...] | Trouble:
        """Return what became of every piece of a chunk, or what stops the whole series."""
        with contextlib.ExitStack() as stack:
            try:
                for shipment in chunk.shipments:
                    self._take_in(shipment, stack)
                box = _Box({piece.index for job in chunk.jobs for piece in job.pieces})
                self._begin(chunk.jobs, box)
                return box.content()
            except GanPluginError as error:
                return Trouble.of(error)

    def stop(self) -> None:
        """Make nothing more, tidy up."""
        self._inbox.close()
        self._thread.join()
        if self._folder is not None:
            self._folder.close()

    def _begin(self, jobs: tuple[Job, ...], box: _Box) -> None:
        with self._lock:
            if self._ended is not None:
                raise self._ended
            self._open.update((piece, box) for piece in box.missing)
        for job in jobs:
            self._inbox.put(job)

    def _work(self) -> None:
        ended: BaseException = Cancelled()
        try:
            for made in self._made():
                self._open.pop(made.entry.piece).put(made)
        except BaseException as error:  # noqa: BLE001 - it is raised where chunks are waited for
            ended = error
        with self._lock:
            self._ended = ended
            waiting = set(self._open.values())
        for box in waiting:
            box.fail(ended)

    def _made(self) -> Iterator[Made]:
        names: dict[int, tuple[FileName, ...]] = {}
        workshop = Workshop(self._setup, Context(cancelled=self._inbox.is_closed))
        for entry in workshop.run(self._noting(names)):
            yield Made(entry, tuple(self._files(entry, names.pop(entry.piece))))

    def _noting(self, names: dict[int, tuple[FileName, ...]]) -> Iterator[Job | None]:
        """Yield the jobs, noting which files their pieces may have: a piece that fails leaves some behind."""
        for job in self._inbox:
            for piece in () if job is None else job.pieces:
                names[piece.index] = self._names.names(piece.index, piece.named)
            yield job

    def _files(self, entry: Entry, names: tuple[FileName, ...]) -> Iterator[tuple[str, bytes]]:
        storage = self._setup.storage
        if isinstance(storage, ReturnedStorage) and isinstance(entry, Done):
            files: tuple[WrittenFile, ...] = (*entry.files, *filter(None, [entry.thumbnail]))
            yield from ((path, storage.take(path)) for file in files for path in file.paths)
        elif isinstance(storage, ReturnedStorage):
            for name in names:
                storage.drop(name.path)
                any(not storage.drop(name.sequence % number) for number in count())

    def _take_in(self, shipment: Shipment, stack: contextlib.ExitStack) -> None:
        if self._folder is None:
            return
        if shipment.sha256:
            self._folder.keep(shipment.place, shipment.sha256, lambda: _content(shipment))
        else:
            self._folder.lend(shipment.place, _content(shipment))
            stack.callback(self._folder.give_back, shipment.place)


def _content(shipment: Shipment) -> bytes:
    if isinstance(shipment.content, bytes):
        return shipment.content
    import ray

    found: bytes = ray.get(shipment.content)
    return found


@dataclass(eq=False)
class _Box:
    """Where the pieces of a chunk gather."""

    missing: set[int]
    _made: list[Made] = field(default_factory=list)
    _trouble: BaseException | None = None
    _full: threading.Event = field(default_factory=threading.Event)

    def put(self, made: Made) -> None:
        """Add a piece."""
        self._made.append(made)
        self.missing.discard(made.entry.piece)
        if not self.missing:
            self._full.set()

    def fail(self, trouble: BaseException) -> None:
        """Say that nothing more comes."""
        self._trouble = trouble
        self._full.set()

    def content(self) -> tuple[Made, ...]:
        """Wait for all pieces and return them."""
        self._full.wait()
        if self._trouble is not None:
            raise self._trouble
        return tuple(self._made)
