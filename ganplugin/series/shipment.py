"""What travels between the driver of a series and the workers of a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ganplugin.series.entries import Entry
from ganplugin.series.workshop import Job

__all__ = ["Chunk", "Greeting", "Made", "Shipment"]


@dataclass(frozen=True)
class Shipment:
    """A file for a worker: its place below the worker's folder, its SHA-256, and its bytes or a reference to them.

    A worker keeps what has a digest, and gives back the room of what has none when the chunk is done.
    """

    place: str
    content: Any = field(repr=False)
    """Bytes, or an object reference of Ray."""
    sha256: str = ""


@dataclass(frozen=True)
class Chunk:
    """Jobs that are given out together, and the files for them that the worker does not have yet."""

    jobs: tuple[Job, ...]
    shipments: tuple[Shipment, ...] = ()

    @property
    def lasting(self) -> frozenset[str]:
        """The places of the files that a worker has from then on."""
        return frozenset(shipment.place for shipment in self.shipments if shipment.sha256)


@dataclass(frozen=True)
class Made:
    """What became of a piece, and its files by path if the worker did not write them itself."""

    entry: Entry
    files: tuple[tuple[str, bytes], ...] = field(repr=False, default=())


@dataclass(frozen=True)
class Greeting:
    """What a worker says when it is ready: the node that it is on, and the versions that decide bytes there."""

    node: str
    versions: tuple[tuple[str, str], ...]
