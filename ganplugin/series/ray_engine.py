"""Workshops on the machines of a Ray cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ganplugin.errors import GanPluginError
from ganplugin.nodes.context import Context
from ganplugin.series.cluster import Cluster, Resources
from ganplugin.series.entries import Entry
from ganplugin.series.fleet import Crew, Fleet
from ganplugin.series.parcels import Parcels
from ganplugin.series.returned_storage import ReturnedStorage
from ganplugin.series.sending import InPlace, Sending
from ganplugin.series.storage import LocalStorage
from ganplugin.series.trouble import Trouble
from ganplugin.series.workshop import Job, Setup

__all__ = ["RayEngine"]


@dataclass(frozen=True)
class RayEngine:
    """So many workers on a Ray cluster, or as many as it has room for.

    Files that pieces are made of are sent to the workers, and what they make is sent back and written here, unless the
    storage of the series is one that workers reach themselves, or ``shared`` says that they see the same disks.
    """

    address: str = ""
    """As `Cluster.joined` takes it."""
    workers: int = 0
    gpus: float | None = None
    """What a worker takes of a GPU; None takes a whole one where there are any."""
    shared: bool = False

    def run(self, setup: Setup, jobs: Iterable[Job], context: Context) -> Iterator[Entry]:
        """Yield what became of each piece. The pieces of a worker that dies are given to others."""
        cluster, setup, resources = self._fitted(setup)
        crew = Crew(cluster, self.workers or cluster.room(resources), resources)
        with contextlib.closing(self._fleet(crew, setup, context)) as fleet:
            yield from fleet.run(iter(jobs))

    def fitted(self, setup: Setup) -> Setup:
        """Return a setup that says what computes on the cluster, which this machine need not have.

        Raises `ProviderError` if a demanded device does not come up there.
        """
        cluster, setup, resources = self._fitted(setup)
        if setup.device == "cpu":
            return setup
        asked = cluster.ray.remote(_asked).options(num_cpus=resources.cpus, num_gpus=resources.gpus)
        found = cluster.ray.get(asked.remote(setup.device, setup.threads))
        if isinstance(found, Trouble):
            raise found.error()
        return replace(setup, provider=found)

    def _fitted(self, setup: Setup) -> tuple[Cluster, Setup, Resources]:
        cluster = Cluster.joined(self.address)
        device, resources = cluster.worker_resources(setup.device, setup.threads, self.gpus)
        # Workers of one machine share its cores: none of them may take all that are left.
        return cluster, replace(setup, device=device, encoders=setup.encoders or setup.threads), resources

    def _fleet(self, crew: Crew, setup: Setup, context: Context) -> Fleet:
        if self.shared:
            return Fleet(crew, _absolute(setup), InPlace(), context, beside=Path.cwd())
        parcels = Parcels(setup)
        returned = isinstance(setup.storage, LocalStorage)
        sent = replace(parcels.setup, storage=ReturnedStorage()) if returned else parcels.setup
        return Fleet(crew, sent, Sending(parcels, crew.cluster.ray.put), context, storage=setup.storage)


def _asked(device: str, threads: int) -> str | Trouble:
    from ganplugin.series.cluster_worker import provider_on

    try:
        return provider_on(device, threads)
    except GanPluginError as error:
        return Trouble.of(error)


def _absolute(setup: Setup) -> Setup:
    """Return a setup whose paths mean the same on every machine that sees the same disks."""
    storage = setup.storage
    if isinstance(storage, LocalStorage):
        storage = LocalStorage(storage.folder.absolute())
    return replace(setup, home=setup.home.absolute(), storage=storage)
