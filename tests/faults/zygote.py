"""A process that has imported everything once, and forks command lines that can be killed at any moment.

It reads a request a line and answers each with a line, both JSON: see `tests.faults.killing`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any

LOG = "GANPLUGIN_TEST_LOG"
SLOW = "GANPLUGIN_TEST_SLOW"


def prepare() -> None:
    """Note what is written, and write slowly: what is killed halfway leaves a half."""
    note_writes()
    write, pause = os.write, 0.001

    def write_halves(handle: int, data: Any) -> int:
        if len(data) < 2 or not stat.S_ISREG(os.fstat(handle).st_mode):
            return write(handle, data)
        written = write(handle, data[: len(data) // 2])
        time.sleep(pause)
        return written + write(handle, data[len(data) // 2 :])

    def write_bytes(path: Path, data: bytes) -> int:
        with path.open("wb", buffering=0) as stream:
            return write_halves(stream.fileno(), data)

    os.write = write_halves  # type: ignore[assignment]
    Path.write_bytes = write_bytes  # type: ignore[method-assign, assignment]


def note_writes() -> None:
    """Let the storage write the name of every file that it is given into a log, before it writes the file."""
    from ganplugin.series.judging import Judge
    from ganplugin.series.storage import LocalStorage

    put, opinions = LocalStorage.write, Judge.opinions

    def noted(self: LocalStorage, path: str, *rest: Any) -> None:
        with Path(os.environ[LOG]).open("ab", buffering=0) as log:
            log.write(path.encode() + b"\n")
        slow_down()
        put(self, path, *rest)

    def judged(self: Judge, *pictures: Any) -> list[tuple[float, bytes]]:
        slow_down()
        return opinions(self, *pictures)

    LocalStorage.write = noted  # type: ignore[method-assign, assignment]
    Judge.opinions = judged  # type: ignore[method-assign, assignment]


def slow_down() -> None:
    """Once the signal is due take long, so that it comes in time on a busy machine too."""
    path, size = json.loads(os.environ[SLOW])
    if size is not None and Path(path).exists() and Path(path).stat().st_size >= size:
        time.sleep(0.1)


def members(group: int) -> list[int]:
    """Return the processes of a group that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, own = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:  # it ended meanwhile
                continue
            if int(own) == group and state not in "ZX":
                found.append(int(entry.name))
    return found


def child(request: dict[str, Any]) -> None:
    """Be the command line."""
    from ganplugin.cli import main

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["folder"])
    said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ[LOG] = str(Path("written.txt").absolute())
    os.environ[SLOW] = json.dumps([str(Path(request["grown"]).absolute()), request["bytes"]])
    prepare()
    code = 1
    try:
        main(request["arguments"])
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Moment:
    """When to send the signal: so many seconds after the start, or after a file has grown to so many bytes."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._seconds = request["seconds"]
        self._path = Path(request["folder"], request["grown"])
        self._bytes = request["bytes"]
        self._since = time.monotonic() if request["bytes"] is None else None

    def has_come(self) -> bool:
        if self._since is None and self._path.exists() and self._path.stat().st_size >= self._bytes:
            self._since = time.monotonic()
        return self._since is not None and time.monotonic() - self._since >= self._seconds


def ended(pid: int) -> int | None:
    """Return how a child ended, or None if it did not yet."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Run one command line, until it ends or its moment has come."""
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        child(request)
    sent, moment = False, Moment(request)
    while (code := ended(pid)) is None:
        if not sent and moment.has_come():
            # A child that is just born on a busy machine has no group of its own yet: the next try finds it.
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if request["group"] else os.kill)(pid, request["signal"])
                sent = True
        time.sleep(0.001)
    seconds = time.monotonic() - start
    limit = time.monotonic() + 60
    while members(pid) and time.monotonic() < limit:
        time.sleep(0.01)
    return {"code": code, "seconds": seconds, "left": members(pid)}


WARM = (
    "onnx onnxruntime PIL.Image rich.progress yaml ganplugin.cli.render ganplugin.cli.verify ganplugin.library "
    "ganplugin.nodes.catalogue ganplugin.runtime ganplugin.series.finishing ganplugin.series.opening "
    "ganplugin.series.rendering"
)


def main() -> None:
    """Import what every command line needs, then serve."""
    for name in WARM.split():
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__" and LOG in os.environ:  # a worker of a command line
    prepare()
