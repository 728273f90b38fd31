"""One process at a time in a series' folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from ganplugin.errors import FileError
from ganplugin.files import make_folder, os_errors

__all__ = ["locked"]


@contextlib.contextmanager
def locked(folder: Path, place: object) -> Iterator[None]:
    """Hold the lock in ``folder`` for a block; whoever holds it is named in an error of ``place``.

    The system gives the lock of a process that was killed back at once, so that a lock file which lies there means
    nothing by itself. Raises `FileError` if another process holds it.
    """
    from filelock import FileLock, Timeout

    make_folder(folder)
    holder = folder / "holder.json"
    lock = FileLock(folder / "lock", timeout=0)
    with os_errors(folder / "lock"):
        try:
            lock.acquire()
        except Timeout as error:
            raise FileError(
                f"is being rendered already{_who(holder)}", where=place, fix="wait for it, or choose another folder"
            ) from error
        except NotImplementedError as error:
            raise FileError(
                "is on a disk without locks, so that two processes could render there",
                where=place,
                fix="choose another disk with --out",
            ) from error
    try:
        with contextlib.suppress(OSError):  # it is for people alone
            holder.write_text(json.dumps({"process": os.getpid(), "host": socket.gethostname(), "since": time.time()}))
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink()
        lock.release()


def _who(holder: Path) -> str:
    try:
        found = json.loads(holder.read_text())
        since = time.strftime("%d %b %H:%M", time.localtime(float(found["since"])))
        return f" by process {int(found['process'])} on {str(found['host'])[:80]} since {since}"
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return ""
