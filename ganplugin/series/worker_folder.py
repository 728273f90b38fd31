"""What a worker has in place of the series' folder: the files that were sent to it, and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ganplugin.cache import cache_folder
from ganplugin.errors import FileError
from ganplugin.files import atomic_write, make_folder, os_errors

__all__ = ["WorkerFolder", "sweep_abandoned"]


_PREFIX: Final = "ganplugin-worker-"
_LOCK: Final = ".alive"
_YOUNG_SECONDS: Final = 60.0


class WorkerFolder:
    """A temporary folder. Files that last are fetched once a machine, into its cache, and named here by links.

    A worker that was killed could not delete its own: the next one on that machine does.
    """

    def __init__(self) -> None:
        from filelock import FileLock

        sweep_abandoned(Path(tempfile.gettempdir()))
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
        self.path = Path(self._folder.name)
        self._alive = FileLock(self.path / _LOCK)
        self._alive.acquire()
        self._lent: Counter[str] = Counter()
        self._lock, self._keeping = threading.Lock(), threading.Lock()

    def keep(self, place: str, sha256: str, fetch: Callable[[], bytes]) -> None:
        """Have a file for as long as the worker lives. Raises `FileError`, also if the bytes are not the promised."""
        path = self._place(place)
        with self._keeping, os_errors(path):  # one chunk fetches it, another that came along waits
            if path.exists():
                return
            kept = _fetched(sha256, fetch)
            try:
                os.link(kept, path)
            except OSError:  # another disk, or one without links
                shutil.copyfile(kept, path)

    def lend(self, place: str, data: bytes) -> None:
        """Have a file until it was given back as often as it was lent."""
        path = self._place(place)
        with self._lock, os_errors(path):
            if not self._lent[place]:
                path.write_bytes(data)
            self._lent[place] += 1

    def give_back(self, place: str) -> None:
        """Let go of a file that was lent."""
        with self._lock:
            self._lent[place] -= 1
            if not self._lent[place]:
                del self._lent[place]
                with contextlib.suppress(OSError):
                    self._place(place).unlink()

    def close(self) -> None:
        """Delete the folder."""
        self._alive.release()
        with contextlib.suppress(OSError):
            self._folder.cleanup()

    def _place(self, place: str) -> Path:
        path = self.path.joinpath(*place.split("/"))
        make_folder(path.parent)
        return path


def sweep_abandoned(folder: Path, older_than: float = _YOUNG_SECONDS) -> None:
    """Delete the folders below ``folder`` whose workers are dead: nobody holds the lock that their makers took.

    One made within ``older_than`` seconds stays: its worker may be about to take it.
    """
    from filelock import FileLock, Timeout

    for entry in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            if time.time() - entry.stat().st_mtime >= older_than:
                with FileLock(entry / _LOCK, timeout=0):
                    pass
                shutil.rmtree(entry, ignore_errors=True)


def _fetched(sha256: str, fetch: Callable[[], bytes]) -> Path:
    """Return the machine's copy of a file; the first worker of a machine fetches it while the others wait."""
    from filelock import FileLock

    kept = make_folder(cache_folder() / "series") / sha256
    with os_errors(kept), FileLock(kept.with_suffix(".lock")):
        if not kept.is_file():
            data = fetch()
            if hashlib.sha256(data).hexdigest() != sha256:
                raise FileError("changed while the series was rendered", where=sha256[:12], fix="render it again")
            with atomic_write(kept, overwrite=True) as part:
                part.write_bytes(data)
    return kept
