"""Files written whole or not at all, digests, and names that stay inside their folder."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from ganplugin.errors import FileError, InputError

__all__ = [
    "atomic_folder",
    "atomic_write",
    "contained",
    "existing",
    "file_digest",
    "is_reserved",
    "make_folder",
    "os_errors",
    "sweep_temporary",
    "sync_folder",
]

_TEMPORARY = re.compile(r"^\..+\.[0-9a-f]{12}\.part$")
_ABANDONED_SECONDS = 3600.0
_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789¹²³"
}
_FIXES = {
    errno.ENOENT: "check the path",
    errno.EACCES: "check the permissions or choose another folder with --out",
    errno.EPERM: "check the permissions or choose another folder with --out",
    errno.EROFS: "the disk is read-only: choose another folder with --out",
    errno.ENOSPC: "free some space or choose another folder with --out",
    errno.EDQUOT: "free some space or choose another folder with --out",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "name a file, not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextlib.contextmanager
def os_errors(where: object) -> Iterator[None]:
    """Turn an ``OSError`` raised inside into a `FileError` that names ``where`` and the remedy.

    So is what Python raises for names that no file can have (a NUL, a lone surrogate).
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise FileError(reason.lower(), where=where, fix=_FIXES.get(error.errno or 0)) from error
    except ValueError as error:
        if not isinstance(error, UnicodeEncodeError) and "embedded null" not in str(error):
            raise
        raise FileError("no file can have this name", where=repr(str(where)), fix="choose another name") from error


def make_folder(path: Path) -> Path:
    """Create a folder with its parents and return it.

    Raises `FileError` if a file is in the way or the place is not writable.
    """
    with os_errors(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise FileError("is a file, but a folder is needed", where=path, fix="choose another folder") from error
    return path


@contextlib.contextmanager
def atomic_write(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that becomes ``path`` only if the block succeeds.

    The bytes are on disk (fsync) before the name appears, so a kill or a power loss leaves the old file or
    the new one, never a part. Without ``overwrite`` an existing file is left alone.
    Raises `FileError` if ``path`` exists, or on any operating-system refusal.
    """
    with os_errors(path):
        if _is_taken(path) and not overwrite:
            raise _exists(path)
    make_folder(path.parent)
    part = _part(path)
    try:
        with os_errors(path):
            yield part
            _sync(part, os.O_RDWR)
            _publish(part, path, overwrite=overwrite)
        sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a new folder beside ``path`` that becomes ``path`` only if the block succeeds, with the files put into it.

    As `atomic_write` for a folder of files (not of folders): what is under the name is whole, also after a kill. With
    ``overwrite`` the folder that was there goes when the new one is in its place.
    Raises `FileError` if ``path`` exists, or on any operating-system refusal.
    """
    if not overwrite:
        existing((path,))
    make_folder(path.parent)
    _sweep_folders(path)
    part = _part(path)
    try:
        with os_errors(path):
            part.mkdir()
            yield part
            for entry in part.iterdir():
                _sync(entry, os.O_RDWR)
            sync_folder(part)
            _exchange(part, path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _exchange(part: Path, path: Path) -> None:
    """Give a folder its name; one that had it goes. A folder cannot be replaced in one step as a file can."""
    if not _is_taken(path):
        os.replace(part, path)
        return
    old = _part(path)
    os.replace(path, old)
    try:
        os.replace(part, path)
    except OSError:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sweep_folders(path: Path) -> None:
    """Delete folders that killed writers of the same name left here more than an hour ago."""
    for entry in path.parent.iterdir():
        if _TEMPORARY.match(entry.name) and entry.name.startswith(f".{path.name}.") and entry.is_dir():
            with contextlib.suppress(OSError):
                if time.time() - entry.stat().st_mtime >= _ABANDONED_SECONDS:
                    shutil.rmtree(entry)


def _part(path: Path) -> Path:
    stem = path.name.encode("utf-8", "replace")[:200].decode("utf-8", "ignore")
    return path.parent / f".{stem}.{secrets.token_hex(6)}.part"


def _publish(part: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        os.replace(part, path)
        return
    try:
        # A hard link fails if the name is taken, even by a process that raced us here; a rename would replace it.
        os.link(part, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError:
        # This file system may have no hard links; systems differ in how they say so. Other trouble comes back here.
        if _is_taken(path):
            raise _exists(path) from None
        os.replace(part, path)


def _exists(path: Path) -> FileError:
    return FileError("exists already", where=path, fix="add --overwrite or choose another place with --out")


def _is_taken(path: Path) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def existing(paths: Iterable[Path]) -> None:
    """Raise `FileError` if any of the paths is taken, so that nothing is computed that could not be written."""
    for path in paths:
        with os_errors(path):
            if _is_taken(path):
                raise _exists(path)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk, where the system can."""
    # Some network drives cannot sync a folder, and Windows cannot open one; the files in it are whole all the same.
    with contextlib.suppress(OSError):
        _sync(folder, os.O_RDONLY)


def sweep_temporary(folder: Path, older_than: float = _ABANDONED_SECONDS) -> int:
    """Delete what killed writers left in ``folder`` and return how many files that was.

    Files touched within the last hour (``older_than`` seconds) stay: another process may be writing them.
    """
    swept = 0
    for entry in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if _TEMPORARY.match(entry.name) and time.time() - entry.stat().st_mtime >= older_than:
                entry.unlink()
                swept += 1
    return swept


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits. Raises `FileError` if it cannot be read."""
    with os_errors(path), path.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def contained(folder: Path, name: str) -> Path:
    """Return ``folder/name``, promising that it lies inside ``folder`` on every operating system.

    ``name`` may hold sub-folders with ``/``. Raises `InputError` for absolute paths, ``..``, drive letters, control
    characters, names that Windows reserves, and links that lead outside.
    """
    parts = name.split("/")
    if not name or any(_is_unsafe(part) for part in parts):
        raise InputError("is not a safe file name", where=repr(name), fix="use letters, digits, - and _")
    path = folder.joinpath(*parts)
    # A plain name that is no link has nothing to resolve, and there may be a hundred thousand of them.
    if (len(parts) > 1 or os.path.islink(path)) and not _leads_inside(path, folder):  # noqa: PTH114 - is_symlink may raise
        raise InputError(
            "leads outside the output folder", where=repr(name), fix="remove the link or choose another name"
        )
    return path


def _leads_inside(path: Path, folder: Path) -> bool:
    try:
        target = path.resolve()
        # Links that lead in a circle raise up to Python 3.12; later they are left in the path.
        unresolved = any(place.is_symlink() for place in (target, *target.parents))
        return target.is_relative_to(folder.resolve()) and not unresolved
    except (OSError, RuntimeError):
        return False


def _is_unsafe(part: str) -> bool:
    return (
        part in ("", ".", "..")
        or len(part.encode("utf-8", "surrogatepass")) > 200
        or part != part.strip(" .")
        or any(c in '<>:"\\|?*' or unicodedata.category(c) in ("Cc", "Cs") for c in part)
        or is_reserved(part)
    )


def is_reserved(name: str) -> bool:
    """Tell whether Windows keeps a file name, with any suffix, for a device (``con``, ``nul.png``)."""
    return name.split(".")[0].rstrip(" ").lower() in _RESERVED
