"""How workers come by the files that pieces are made of."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Set
from typing import Any, Protocol

from ganplugin.errors import FileError
from ganplugin.files import os_errors
from ganplugin.series.parcels import Parcel, Parcels
from ganplugin.series.shipment import Chunk, Shipment
from ganplugin.series.workshop import Job

__all__ = ["InPlace", "Sender", "Sending"]


class Sender(Protocol):
    """Makes chunks of jobs."""

    def chunk(self, jobs: tuple[Job, ...], has: Set[str]) -> Chunk:
        """Return a chunk for a worker; ``has`` names the lasting files that it has for certain."""


class InPlace:
    """Workers see the same disks: nothing is sent."""

    def chunk(self, jobs: tuple[Job, ...], has: Set[str]) -> Chunk:
        """Return the jobs as they are."""
        return Chunk(jobs)


class Sending:
    """Files that last are ``put`` where every machine can fetch them, once; others go with their chunk."""

    def __init__(self, parcels: Parcels, put: Callable[[bytes], Any]) -> None:
        self._parcels = parcels
        self._put = put
        self._lasting: dict[str, Shipment] = {}

    def chunk(self, jobs: tuple[Job, ...], has: Set[str]) -> Chunk:
        """Return the jobs as workers understand them, with the files that this one does not have."""
        packed = [self._parcels.pack(job) for job in jobs]
        parcels = {parcel.place: parcel for it in packed for parcel in it.parcels}
        parcels.update((parcel.place, parcel) for parcel in self._parcels.lasting)
        return Chunk(tuple(it.job for it in packed), tuple(self._shipments(parcels, has)))

    def _shipments(self, parcels: dict[str, Parcel], has: Set[str]) -> Iterator[Shipment]:
        for place, parcel in parcels.items():
            if place in has:
                continue
            if parcel.lasts:
                yield self._kept(parcel)
                continue
            # A picture that is gone is the trouble of its piece alone, which the worker tells.
            with contextlib.suppress(FileError):
                yield Shipment(place, _bytes(parcel))

    def _kept(self, parcel: Parcel) -> Shipment:
        if parcel.place not in self._lasting:
            data = _bytes(parcel)
            digest = hashlib.sha256(data).hexdigest()
            self._lasting[parcel.place] = Shipment(parcel.place, self._put(data), digest)
        return self._lasting[parcel.place]


def _bytes(parcel: Parcel) -> bytes:
    with os_errors(parcel.path):
        return parcel.path.read_bytes()
