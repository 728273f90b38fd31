"""Rendered pictures kept under what made them, so that a second run renders only what has changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ganplugin.errors import FileError
from ganplugin.files import atomic_write, os_errors, sweep_temporary
from ganplugin.nodes.base import NodeOutputs
from ganplugin.nodes.provenance import current_versions
from ganplugin.nodes.values import Images, Origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DiskStore", "MemoryStore", "PictureStore", "fingerprint", "stored"]

MEMORY_BYTES: Final = 256 * 2**20
DISK_BYTES: Final = 2 * 2**30
_SUFFIX: Final = ".picture"


class PictureStore(Protocol):
    """Pictures by fingerprint."""

    def get(self, key: str) -> NDArray[np.float32] | None:
        """Return the picture, or None if it is not here."""

    def put(self, key: str, picture: NDArray[np.float32]) -> None:
        """Keep the picture, for as long as there is room."""


class MemoryStore:
    """Keeps pictures in memory, those that were used last, up to so many bytes."""

    def __init__(self, most_bytes: int = MEMORY_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def get(self, key: str) -> NDArray[np.float32] | None:
        """Return the picture, or None if it is not here. Nobody may write into it."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: str, picture: NDArray[np.float32]) -> None:
        """Keep a picture and drop the longest unused; one that is larger than all the room is not kept."""
        if key in self._kept or picture.nbytes > self._most:
            return
        kept = picture.copy() if picture.base is not None else picture  # a view would keep its whole batch alive
        kept.flags.writeable = False
        self._kept[key] = kept
        self._bytes += kept.nbytes
        while self._bytes > self._most:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes


class DiskStore:
    """Keeps pictures in a folder, those that were used last, up to so many bytes, for later runs.

    A folder that cannot be written or a damaged file costs nothing but the gain.
    """

    def __init__(self, folder: Path, most_bytes: int = DISK_BYTES) -> None:
        self._folder = folder
        self._most = most_bytes
        self._bytes = -1  # unknown until the first picture is kept

    def get(self, key: str) -> NDArray[np.float32] | None:
        """Return the picture, or None if it is not here."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            path.touch()
        return _decoded(data)

    def put(self, key: str, picture: NDArray[np.float32]) -> None:
        """Keep a picture and drop the longest unused."""
        path = self._path(key)
        if picture.nbytes > self._most // 4:
            return
        with contextlib.suppress(FileError), os_errors(path):
            if self._bytes < 0:
                self._bytes = self._measured()
            with atomic_write(path, overwrite=True) as part:
                part.write_bytes(_encoded(picture))
            self._bytes += picture.nbytes
            if self._bytes > self._most:
                self._bytes = self._pruned()

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _measured(self) -> int:
        sweep_temporary(self._folder)
        return sum(path.stat().st_size for path in self._folder.glob(f"*{_SUFFIX}"))

    def _pruned(self) -> int:
        """Drop the longest unused until a quarter is free, and return how much is left."""
        files = sorted(self._folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
        left = sum(path.stat().st_size for path in files)
        for path in files:
            if left <= self._most * 3 // 4:
                break
            left -= path.stat().st_size
            path.unlink(missing_ok=True)
        return left


def _encoded(picture: NDArray[np.float32]) -> bytes:
    """Return a picture as a digest of all that follows, three sizes, and its values."""
    import numpy as np

    body = struct.pack("<3I", *picture.shape) + np.ascontiguousarray(picture, "<f4").tobytes()
    return hashlib.sha256(body).digest() + body


def _decoded(data: bytes) -> NDArray[np.float32] | None:
    import numpy as np

    digest, body = data[:32], memoryview(data)[32:]
    if hashlib.sha256(body).digest() != digest:
        return None
    return np.frombuffer(body[12:], "<f4").reshape(struct.unpack("<3I", body[:12])).astype(np.float32, copy=False)


def fingerprint(origin: Origin) -> str:
    """Return what identifies a picture: the digest of its recipe, its models, its input files and what computes it."""
    graph, link = origin.recipe.graph()
    facts = [graph, link, origin.index, sorted(origin.models.items()), sorted(origin.inputs.items())]
    software = [origin.provider, origin.threads, current_versions()]
    return hashlib.sha256(json.dumps([facts, software], sort_keys=True).encode()).hexdigest()


def stored(outputs: NodeOutputs, store: PictureStore) -> NodeOutputs:
    """Return the outputs with every sequence of pictures going through the store."""
    return outputs.with_images(lambda images: replace(images, render=_StoredRender(images, store).render))


class _StoredRender:
    """Renders what the store does not hold, neighbours together."""

    def __init__(self, images: Images, store: PictureStore) -> None:
        self._images = images
        self._store = store

    def render(self, start: int, stop: int) -> list[NDArray[np.float32]]:
        keys = [fingerprint(self._images.origin(index)) for index in range(start, stop)]
        held = ((index, self._store.get(key)) for index, key in enumerate(keys, start))
        found = {index: picture for index, picture in held if picture is not None}
        missing = [index for index in range(start, stop) if index not in found]
        for index, picture in zip(missing, self._images.at(missing), strict=True):
            found[index] = picture
            # Asked for again: a file that changed since has another digest now that it was really read.
            self._store.put(fingerprint(self._images.origin(index)), picture)
        return [found[index] for index in range(start, stop)]
