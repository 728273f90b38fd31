"""A packed set: pictures of one size as plain bytes, ready to train on, in a folder or in memory."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganplugin.errors import FileError, InputError, TrainingError
from ganplugin.files import os_errors
from ganplugin.train.pictures.likeness import groups_of, thumbnails
from ganplugin.train.pictures.policy import Policy

__all__ = ["LABELS", "NAMES", "PIXELS", "RECORD", "SUFFIX", "PackedSet", "SetRecord"]

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]

SUFFIX = ".pack"
RECORD, PIXELS, LABELS, NAMES = "set.json", "pixels.u8", "labels.i64", "names.json"
_CHUNK_BYTES = 32 * 2**20


class SetRecord(BaseModel):
    """What ``set.json`` says. ``sha256`` is that of ``pixels.u8``; ``left_out`` counts files that could not be read."""

    model_config = ConfigDict(extra="ignore")

    schema_version: Literal[1] = 1
    count: int = Field(ge=1)
    channels: Literal[1, 3, 4]
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    classes: tuple[str, ...] = ()
    policy: Policy | None = None
    source: str = ""
    files: int = 0
    left_out: int = 0
    sha256: str


@dataclass(frozen=True, eq=False)
class PackedSet:
    """Pictures as uint8 [n, c, h, w]: read them with `take`, or all of them through ``pixels``.

    ``labels`` are int64 [n], indices into ``classes``, or None. ``names`` say where each picture came from. A part of
    a set (`split`, `part`) shares its memory.
    """

    everything: Pixels
    labels: Labels | None = None
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    record: SetRecord | None = None
    rows: Labels | None = None

    @classmethod
    def open(cls, folder: Path) -> PackedSet:
        """Map the set in ``folder`` into memory; nothing is read until it is used.

        Raises `FileError` if it is no packed set, or its files do not have the sizes that it says.
        """
        record = _read_record(folder)
        shape = (record.count, record.channels, record.height, record.width)
        _check_bytes(folder / PIXELS, int(np.prod(shape, dtype=np.int64)))
        with os_errors(folder):
            pixels = np.memmap(folder / PIXELS, np.uint8, "r", shape=shape)
        # A batch is rows from all over the file: reading ahead would be in vain.
        if hasattr(mmap, "MADV_RANDOM") and isinstance(pixels._mmap, mmap.mmap):  # type: ignore[attr-defined]
            pixels._mmap.madvise(mmap.MADV_RANDOM)  # type: ignore[attr-defined]
        return cls(pixels, _read_labels(folder, record), record.classes, _read_names(folder, record), record)

    @classmethod
    def in_memory(
        cls,
        pixels: Pixels,
        labels: Labels | None = None,
        *,
        classes: Sequence[str] = (),
        names: Sequence[str] = (),
    ) -> PackedSet:
        """Return a set of pictures that were made here. Raises `InputError` for a wrong shape, type or label."""
        if pixels.ndim != 4 or pixels.dtype != np.uint8 or pixels.shape[1] not in (1, 3, 4) or not len(pixels):
            raise InputError(f"pictures are {pixels.dtype} {list(pixels.shape)}", fix="give uint8 [n, 1 | 3 | 4, h, w]")
        if labels is not None and (
            labels.shape != pixels.shape[:1] or labels.min() < 0 or labels.max() >= len(classes)
        ):
            raise InputError("labels must be one index into the classes for each picture")
        return cls(pixels, labels, tuple(classes), tuple(names))

    def __len__(self) -> int:
        return len(self.everything) if self.rows is None else len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every picture."""
        channels, height, width = self.everything.shape[1:]
        return channels, height, width

    @property
    def pixels(self) -> Pixels:
        """All pictures, uint8 [n, c, h, w]. Of a part of a set this makes a copy: prefer `take` there."""
        return self.everything if self.rows is None else self.everything[self.rows]

    def take(self, indices: NDArray[np.integer]) -> Pixels:
        """Return the pictures at ``indices`` (0 .. len - 1, repeats allowed) as a new array, uint8 [b, c, h, w]."""
        return np.take(self.everything, indices if self.rows is None else self.rows[indices], axis=0)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the pixels; of a part, of the whole set's digest and which rows it has."""
        if self.rows is not None:
            whole = replace(self, rows=None).digest
            return hashlib.sha256(whole.encode() + self.rows.astype("<i8").tobytes()).hexdigest()
        return self.record.sha256 if self.record else self.measured_digest()

    def measured_digest(self) -> str:
        """Return the SHA-256 of the pixels as they are now, for comparison with what ``set.json`` says."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk.data)
        return digest.hexdigest()

    def chunks(self) -> Iterator[Pixels]:
        """Give all pictures in order, some MiB at a time."""
        step = max(1, _CHUNK_BYTES // int(np.prod(self.shape)))
        for start in range(0, len(self), step):
            yield self.take(np.arange(start, min(start + step, len(self))))

    def part(self, rows: Labels) -> PackedSet:
        """Return the set of some rows of this one, in the order given."""
        return replace(
            self,
            labels=None if self.labels is None else self.labels[rows],
            names=tuple(self.names[row] for row in rows) if self.names else (),
            rows=rows if self.rows is None else self.rows[rows],
        )

    def split(self, part: float, seed: int = 0) -> tuple[PackedSet, PackedSet]:
        """Return the set to train on and about ``part`` (0..1) of it to hold out, never shown to a network.

        A picture's own bytes and ``seed`` decide its side, so that it stays there when others come or go. Equal
        and nearly equal pictures (`likeness`) are always on the same side: the lowest digest among them decides.
        Raises `TrainingError` if all pictures are alike, so that nothing can be held out.
        """
        if not 0 < part < 1:
            raise InputError(f"{part} of the pictures cannot be held out", fix="give a number between 0 and 1")
        digests = [hashlib.sha256(picture).digest() for chunk in self.chunks() for picture in chunk]
        groups = groups_of(np.concatenate([thumbnails(chunk) for chunk in self.chunks()]))
        chances = _chances(digests, groups, seed)
        if len(set(groups.tolist())) < 2:
            raise TrainingError("all pictures are alike: none can be held out", fix="add pictures")
        # Of a few pictures chance may take all or none: then the nearest to the border crosses it.
        border = min(max(part, np.nextafter(chances.min(), 1.0)), chances.max())
        rows = np.arange(len(self))
        return self.part(rows[chances >= border]), self.part(rows[chances < border])


def _chances(digests: Sequence[bytes], groups: Labels, seed: int) -> NDArray[np.float64]:
    """Return an even draw 0..1 for each picture, the same for all of a group."""
    lowest: dict[int, bytes] = {}
    for digest, group in zip(digests, groups.tolist(), strict=True):
        lowest[group] = min(digest, lowest.get(group, digest))
    draws = {group: _draw(digest, seed) for group, digest in lowest.items()}
    return np.array([draws[group] for group in groups.tolist()])


def _draw(digest: bytes, seed: int) -> float:
    mixed = hashlib.sha256(digest + seed.to_bytes(8, "little")).digest()
    return int.from_bytes(mixed[:6], "little") / 2**48


def _read_record(folder: Path) -> SetRecord:
    path = folder / RECORD
    if not path.is_file():
        raise FileError("is no packed set", where=folder, fix="make one: ganplugin data FOLDER --out NAME.pack")
    with os_errors(path):
        text = path.read_bytes()
    try:
        return SetRecord.model_validate_json(text)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise FileError(
            f"cannot be read ({place}: {error.errors()[0]['msg']})", where=path, fix="pack again"
        ) from error


def _read_labels(folder: Path, record: SetRecord) -> Labels | None:
    path = folder / LABELS
    if not record.classes:
        return None
    _check_bytes(path, 8 * record.count)
    with os_errors(path):
        labels = np.fromfile(path, "<i8").astype(np.int64)
    if labels.min() < 0 or labels.max() >= len(record.classes):
        raise FileError("names classes that the set does not have", where=path, fix="pack again")
    return labels


def _read_names(folder: Path, record: SetRecord) -> tuple[str, ...]:
    path = folder / NAMES
    with os_errors(path):
        text = path.read_bytes() if path.is_file() else b"[]"
    try:
        names = json.loads(text)
    except ValueError as error:
        raise FileError("is damaged", where=path, fix="pack again") from error
    if not isinstance(names, list) or len(names) not in (0, record.count):
        raise FileError(f"does not name the {record.count} pictures", where=path, fix="pack again")
    return tuple(str(name) for name in names)


def _check_bytes(path: Path, expected: int) -> None:
    with os_errors(path):
        found = path.stat().st_size
    if found != expected:
        raise FileError(f"has {found} bytes, not {expected}", where=path, fix="it is damaged: pack again")
