"""Storage that other machines see too: a bucket, or any place that fsspec knows."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ganplugin.errors import DependencyError, FileError, GanPluginError, InputError
from ganplugin.files import contained
from ganplugin.series.storage import LocalStorage, Storage

__all__ = ["RemoteStorage", "storage_at", "store_of"]

_WHOLE_BY_NATURE: Final = frozenset(
    {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "r2", "memory", "hf"}
)
"""Protocols whose files appear when they are complete. Elsewhere a file is written beside its place and moved there."""

_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class RemoteStorage:
    """A folder at ``url``, such as ``s3://bucket/tides``.

    Where the keys come from is the file system's own matter: environment variables, a profile, the machine's role.
    Every error is a `FileError` that says what the file system said; a missing package is a `DependencyError`.
    """

    url: str

    def write(self, path: str, data: bytes) -> None:
        """Store a file whole or not at all, in place of what was there."""
        self._put(path, lambda system, place: system.pipe_file(place, data))

    @contextlib.contextmanager
    def film(self, path: str) -> Iterator[Path]:
        """Give a place on this machine, which is uploaded when the block ends well."""
        with tempfile.TemporaryDirectory(prefix="ganplugin-") as folder:
            film = Path(folder) / Path(path).name
            yield film
            self._put(path, lambda system, place: system.put_file(str(film), place))

    def read(self, path: str) -> bytes:
        """Return a file."""
        with self._system(path) as (system, place):
            found: bytes = system.cat_file(place)
            return found

    def digest(self, path: str) -> str:
        """Return the SHA-256 of a file."""
        digest = hashlib.sha256()
        with self._system(path) as (system, place), system.open(place, "rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def names(self, folder: str) -> Iterator[str]:
        """Yield the path of every file in a folder and below it."""
        with self._system(folder) as (system, place):
            system.invalidate_cache()  # others write there too
            found = system.find(place)
        return (folder + name[len(place) :] for name in found)

    def _put(self, path: str, put: Callable[[Any, str], None]) -> None:
        with self._system(path) as (system, place):
            if self._is_whole_by_nature(system):
                put(system, place)
                return
            system.makedirs(place.rpartition("/")[0], exist_ok=True)
            part = f"{place}.{secrets.token_hex(6)}.part"
            try:
                put(system, part)
                if system.exists(place):
                    system.rm_file(place)
                system.mv(part, place)
            except BaseException:
                with contextlib.suppress(OSError):
                    system.rm_file(part)
                raise

    @staticmethod
    def _is_whole_by_nature(system: Any) -> bool:  # noqa: ANN401 - a file system of fsspec
        protocols = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
        return bool(protocols & _WHOLE_BY_NATURE)

    @contextlib.contextmanager
    def _system(self, path: str) -> Iterator[tuple[Any, str]]:
        """Give the file system and the whole path there; what it raises becomes an error of ours."""
        contained(Path(), path)
        where = f"{self.url.rstrip('/')}/{path}"
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise DependencyError("a --store needs fsspec", where=where, fix="pip install 'ganplugin[ray]'") from error
        try:
            system, root = url_to_fs(self.url)
            yield system, f"{root.rstrip('/')}/{path}"
        except GanPluginError:
            raise
        except ImportError as error:
            raise DependencyError(f"{error}", where=self.url, fix="install that package on every machine") from error
        except FileNotFoundError as error:
            raise FileError("there is no such file", where=where, fix="check the address") from error
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise FileError(reason[:300], where=where, fix="check the address and the keys that go with it") from error


def storage_at(folder: Path, store: str) -> Storage:
    """Return where files of a series go: its folder, or a store. Raises `InputError` for what is no address."""
    if not store:
        return LocalStorage(folder)
    if "://" not in store:
        raise InputError("is no address", where=f"--store {store}", fix="write s3://BUCKET/NAME; a folder is --out")
    return RemoteStorage(store)


def store_of(storage: Storage) -> str:
    """Return the address of a storage; empty for a folder."""
    return storage.url if isinstance(storage, RemoteStorage) else ""
