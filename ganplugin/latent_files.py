"""Latents as values and as files: our ``.npz``, NVlabs' ``projected_w.npz`` and plain ``.npy``."""

from __future__ import annotations

import io
import math
import re
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganplugin.errors import FileError, InputError
from ganplugin.files import atomic_write, os_errors
from ganplugin.limits import MAX_SEED, MAX_SEEDS

__all__ = ["Latents", "Space", "check_target", "load_latents", "save_latents"]

Space = Literal["z", "w"]

_MAX_BYTES: Final = 2**30
_NOTE: Final = "ganplugin"
_AXES: Final = {"z": 2, "w": 3}
_HEADER_ERRORS = (ValueError, TypeError, LookupError, SyntaxError, tokenize.TokenError, MemoryError)
_ARCHIVE_ERRORS = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error)
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, eq=False)
class Latents:
    """Latents of one space: z float32 [n, z_dim], or w float32 [n, num_ws, w_dim].

    ``model_sha256`` is the digest of the model file that w belongs to, ``seeds`` the seed of each row, where known.
    Raises `InputError` for other shapes, values that are not finite, or a wrong number of seeds.
    """

    space: Space
    values: NDArray[np.float32]
    model_sha256: str | None = None
    seeds: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        shape = list(self.values.shape)
        if self.space not in _AXES or len(shape) != _AXES[self.space] or 0 in shape or shape[0] > MAX_SEEDS:
            raise InputError(
                f"{shape} is not the shape of {self.space} latents", fix="z is [n, d], w is [n, layers, d]"
            )
        if self.values.dtype != np.float32 or not np.isfinite(self.values).all():
            raise InputError(f"{self.space} latents must be finite float32 numbers")
        if self.seeds is not None and (
            len(self.seeds) != shape[0] or not all(0 <= seed <= MAX_SEED for seed in self.seeds)
        ):
            raise InputError(f"{shape[0]} latents need as many seeds in 0..{MAX_SEED}, or none")
        if self.model_sha256 is not None and not _DIGEST.fullmatch(self.model_sha256):
            raise InputError("is not a SHA-256 digest", where=repr(self.model_sha256))

    def __len__(self) -> int:
        return int(self.values.shape[0])


class _Note(BaseModel):
    """What stands beside the numbers in our files."""

    # Pydantic before 2.10 keeps the names that begin with model_ to itself.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    schema_version: Literal[1] = 1
    model_sha256: str | None = None
    seeds: tuple[int, ...] | None = Field(default=None, strict=False)


def save_latents(latents: Latents, path: Path, *, overwrite: bool = False) -> None:
    """Write latents as ``.npz``, whole or not at all; equal latents give equal bytes.

    The array is named after its space, so a single w is also an NVlabs ``projected_w.npz``.
    Raises `InputError` for another suffix, `FileError` if the file exists or cannot be written.
    """
    check_target(path)
    note = _Note(model_sha256=latents.model_sha256, seeds=latents.seeds).model_dump_json()
    note_bytes = np.frombuffer(note.encode(), dtype=np.uint8)
    with atomic_write(path, overwrite=overwrite) as part, zipfile.ZipFile(part, "w") as archive:
        archive.writestr(_member(latents.space), _array_bytes(latents.values))
        archive.writestr(_member(_NOTE), _array_bytes(note_bytes))


def check_target(path: Path) -> None:
    """Raise `InputError` unless `save_latents` takes a file of this suffix."""
    if path.suffix.lower() != ".npz":
        raise InputError("latents are written as .npz", where=path, fix="end the name in .npz")


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"{name}.npy")  # dated 1980, so that the bytes do not hold the time of writing


def _array_bytes(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=False)
    return stream.getvalue()


def load_latents(path: Path) -> Latents:
    """Read latents from our ``.npz``, an NVlabs ``projected_w.npz`` (``w`` [n, num_ws, w_dim]) or a ``.npy``.

    A ``.npy`` of [d] or [n, d] is z, one of [n, num_ws, w_dim] is w. Nothing is ever unpickled.
    Raises `FileError` if the file is missing or is no such file, `InputError` if its numbers are no latents.
    """
    data = _read_bytes(path)
    try:
        if data[:4] == b"PK\x03\x04":
            return _from_archive(data, path)
        values = _parse_array(data, path)
    except (*_HEADER_ERRORS, *_ARCHIVE_ERRORS) as error:
        raise _unreadable(path) from error
    return _latents(values[None] if values.ndim == 1 else values, "w" if values.ndim == 3 else "z", _Note(), path)


def _from_archive(data: bytes, path: Path) -> Latents:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sizes = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if sum(info.file_size for info in sizes.values()) > _MAX_BYTES:
            raise FileError("unpacks to more than 1 GiB", where=path)
        spaces: list[Space] = [space for space in _SPACES if space in sizes]
        if len(spaces) != 1:
            raise _unreadable(path)
        members = {name: _parse_array(archive.read(sizes[name]), path) for name in (*spaces, _NOTE) if name in sizes}
    return _latents(members[spaces[0]], spaces[0], _parse_note(members.get(_NOTE), path), path)


_SPACES: Final[tuple[Space, ...]] = ("z", "w")


def _read_bytes(path: Path) -> bytes:
    with os_errors(path), path.open("rb") as stream:
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise FileError("is larger than 1 GiB", where=path)
    return data


def _parse_array(data: bytes, path: Path) -> NDArray[np.generic]:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise _unreadable(path)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_column, dtype = read_header(stream)
    # Only numbers, and only as many as there are bytes for: a header may declare objects or an endless array.
    if dtype.kind not in "fu" or dtype.itemsize * math.prod(shape) != len(data) - stream.tell():
        raise _unreadable(path)
    numbers: NDArray[np.generic] = np.frombuffer(data, dtype=dtype, offset=stream.tell())
    return numbers.reshape(shape, order="F" if by_column else "C")


def _parse_note(note: NDArray[np.generic] | None, path: Path) -> _Note:
    if note is None:
        return _Note()
    try:
        return _Note.model_validate_json(note.tobytes())
    except ValidationError as error:
        raise FileError("its note is not valid", where=path, fix="save the latents again") from error


def _latents(values: NDArray[np.generic], space: Space, note: _Note, path: Path) -> Latents:
    if values.dtype.kind != "f":
        raise _unreadable(path)
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    try:
        return Latents(space=space, values=single, model_sha256=note.model_sha256, seeds=note.seeds)
    except InputError as error:
        raise InputError(error.what, where=path, fix=error.fix) from error


def _unreadable(path: Path) -> FileError:
    return FileError(
        "is not a latent file", where=path, fix="use a .npz of ganplugin or projected_w.npz, or a .npy of floats"
    )
