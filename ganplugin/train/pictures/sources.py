"""Where pictures come from: folders, zip files, patterns, single files and packed sets, listed before they are read."""

from __future__ import annotations

import glob
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from PIL import Image

from ganplugin.decoding import Levels, decode_levels, read_bytes
from ganplugin.errors import FileError, ImageError
from ganplugin.files import os_errors
from ganplugin.images import PICTURE_SUFFIXES
from ganplugin.train.pictures.packed import RECORD, PackedSet

__all__ = ["Entry", "list_entries", "readable"]

_ZIP_MEMBERS: Final = 2_000_000
_ZIP_MEMBER_BYTES: Final = 256 * 2**20
_ZIP_RATIO: Final = 500
_ZIP_RATIO_FROM: Final = 2**20
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError)
_FIX: Final = "use PNG, JPEG, WebP, BMP, TIFF or GIF files, in a folder or a zip"

Needed = tuple[int, int] | None


@dataclass(frozen=True, eq=False)
class Entry:
    """One picture that was found: ``name`` is its path below the place, with ``/``; ``fetch`` reads its bytes.

    ``decode(bytes, needed)`` gives the picture, see `ganplugin.decoding.decode_levels`. Both raise a `GanPluginError`.
    ``group`` is the uppermost folder that it lies in, or empty.
    """

    name: str
    fetch: Callable[[], bytes]
    decode: Callable[[bytes, Needed], Levels]
    group: str = ""


def list_entries(places: Sequence[Path]) -> list[Entry]:
    """Return the pictures of some places, sorted by name within each: nothing is decoded yet.

    A place is a folder (searched below, hidden files left out, links to folders not followed), a zip file, a packed
    set, a picture, or a pattern (``*``, ``**``). Raises `FileError` if a place does not exist or none holds a picture.
    """
    entries = [entry for place in places for entry in _grouped(list(_entries(place)))]
    if not entries:
        raise FileError("holds no pictures", where=", ".join(str(place) for place in places), fix=_FIX)
    return entries


def _grouped(entries: list[Entry]) -> list[Entry]:
    """Give each picture the uppermost folder as its group, below what all of them share."""
    if any(entry.group for entry in entries):
        return entries
    folders = [entry.name.split("/")[:-1] for entry in entries]
    depth = 0
    while all(len(names) > depth for names in folders) and len({names[depth] for names in folders}) == 1:
        depth += 1
    return [
        replace(entry, group=readable(names[depth])) if len(names) > depth else entry
        for entry, names in zip(entries, folders, strict=True)
    ]


def readable(name: str) -> str:
    """Return a name as text that any file can hold; bytes of a name that are no UTF-8 become ``\\udcff`` in letters."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _entries(place: Path) -> Iterator[Entry]:
    with os_errors(place):
        if (place / RECORD).is_file():
            return _of_set(PackedSet.open(place))
        if place.is_dir():
            return _of_folder(place)
        if place.is_file():
            return _of_zip(place) if zipfile.is_zipfile(place) else iter([_of_file(place, place.name)])
        matches = sorted(Path(match) for match in glob.glob(str(place), recursive=True))  # noqa: PTH207 - absolute too
    if not matches:
        raise FileError("does not exist", where=place, fix="name a folder, zip, pattern or packed set")
    return (entry for match in matches for entry in _matched(match, place))


def _matched(match: Path, pattern: Path) -> Iterator[Entry]:
    """Give what one match of a pattern holds; a file's group is its folder, where the pattern left that open."""
    if match.is_dir() or (match.suffix.lower() == ".zip" and match.is_file()):
        yield from _entries(match)
    elif _is_wanted(match.name) and match.is_file():
        open_parent = glob.has_magic(str(pattern.parent))
        yield _of_file(match, f"{match.parent.name}/{match.name}" if open_parent else match.name)


def _is_wanted(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(PICTURE_SUFFIXES)


def _of_file(path: Path, name: str) -> Entry:
    return Entry(name, partial(_file_bytes, path), partial(_decoded, name))


def _file_bytes(path: Path) -> bytes:
    with os_errors(path):
        # A pipe that is called x.png would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImageError("is no file", where=path, fix="remove it")
    return read_bytes(path)


def _decoded(name: str, data: bytes, needed: Needed) -> Levels:
    return decode_levels(data, name, needed=needed)


def _of_folder(folder: Path) -> Iterator[Entry]:
    for path in sorted(_walk(folder)):
        yield _of_file(path, path.relative_to(folder).as_posix())


def _walk(folder: Path) -> Iterator[Path]:
    with os_errors(folder):
        for parent, below, names in os.walk(folder, onerror=_refuse):
            below[:] = [name for name in below if not name.startswith(".")]
            yield from (Path(parent, name) for name in names if _is_wanted(name))


def _refuse(error: OSError) -> None:
    """A folder that may not be read is an error, or its pictures would be missing unsaid."""
    raise error


def _of_zip(path: Path) -> Iterator[Entry]:
    """Give the pictures of a zip file; each is read into memory in its turn, and nothing is unpacked to disk."""
    try:
        archive = zipfile.ZipFile(path)
        members = archive.infolist()
    except _ZIP_ERRORS as error:
        raise FileError(f"cannot be read as a zip file ({error})", where=path, fix="pack it again") from error
    if len(members) > _ZIP_MEMBERS:
        raise FileError(f"holds more than {_ZIP_MEMBERS} files", where=path, fix="split it")
    wanted = [member for member in members if not member.is_dir() and _is_wanted_inside(member.filename)]
    for member in sorted(wanted, key=lambda member: member.filename):
        name = "/".join(part for part in PurePosixPath(member.filename).parts if part not in ("/", ".."))
        fetch = partial(_member_bytes, archive, member, name)
        yield Entry(name, fetch, partial(_decoded, name))


def _is_wanted_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts)
    return bool(parts) and not hidden and _is_wanted(parts[-1])


def _member_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    """Return what a member says that it holds, and no more: pictures hardly compress, a bomb does."""
    size = member.file_size
    swollen = size > _ZIP_RATIO_FROM and size > _ZIP_RATIO * max(member.compress_size, 1)
    if size > _ZIP_MEMBER_BYTES or swollen:
        raise ImageError(f"unpacks to {size:,} bytes, too many for a picture", where=name, fix="remove it")
    try:
        with archive.open(member) as stream:
            return stream.read(size)
    except _ZIP_ERRORS as error:
        raise ImageError(f"cannot be unpacked ({error})", where=name, fix="pack the zip again") from error


def _of_set(pictures: PackedSet) -> Iterator[Entry]:
    labels = pictures.labels
    for row in range(len(pictures)):
        name = pictures.names[row] if pictures.names else f"{row:06d}"
        group = "" if labels is None else pictures.classes[labels[row]]
        yield Entry(name, partial(_row_bytes, pictures, row), partial(_row_levels, pictures.shape), group)


def _row_bytes(pictures: PackedSet, row: int) -> bytes:
    return pictures.take(np.array([row])).tobytes()


def _row_levels(shape: tuple[int, int, int], data: bytes, needed: Needed) -> Levels:
    pixels = np.frombuffer(data, np.uint8).reshape(shape).transpose(1, 2, 0)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if shape[0] == 1 else pixels))
    wanted = image if image.mode == "RGBA" else image.convert("RGB")
    return Levels(wanted, image.size, image.mode, "packed")
