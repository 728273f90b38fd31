"""Command lines that are killed, and what they leave."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganplugin.series.entries import Done
from ganplugin.series.journal import read_journal
from tests.faults import zygote

JOURNAL = ".ganplugin/journal.jsonl"


@dataclass(frozen=True)
class Ended:
    """How a command line ended (its exit code, or minus the signal), what it said, and the files it was to write."""

    code: int
    seconds: float
    left: list[int]
    said: str
    written: list[str]


class Killer:
    """Runs command lines in processes of their own and kills them when told to."""

    def __init__(self) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OPENBLAS_NUM_THREADS": "1",  # a process with one thread may be forked
        }
        self._process = subprocess.Popen(
            [sys.executable, zygote.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def run(self, folder: Path, *arguments: str, life: float = 1e9) -> Ended:
        """Run a command in ``folder``; after ``life`` seconds, it is killed with all its workers."""
        return self._ask(folder, arguments, life)

    def run_until(self, folder: Path, *arguments: str, grown: str, size: int, delay: float = 0.0, **how: Any) -> Ended:
        """Run a command in ``folder``; ``delay`` after the file ``grown`` has ``size`` bytes, it is killed."""
        return self._ask(folder, arguments, delay, grown, size, **how)

    def _ask(
        self,
        folder: Path,
        arguments: tuple[str, ...],
        seconds: float,
        grown: str = "",
        size: int | None = None,
        *,
        number: int = signal.SIGKILL,
        group: bool = True,
    ) -> Ended:
        written = folder / "written.txt"
        written.unlink(missing_ok=True)
        request = {"folder": str(folder), "arguments": arguments, "signal": number, "group": group}
        when = {"seconds": seconds, "grown": grown, "bytes": size}
        print(json.dumps({**request, **when}), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        names = written.read_text().splitlines() if written.exists() else []
        return Ended(said=(folder / "said.txt").read_text(), written=names, **answer)


def entries(folder: Path) -> list[Any]:
    """Return the lines of a series' journal, which has to be sound."""
    return list(read_journal(folder / JOURNAL))


def done(folder: Path) -> list[int]:
    """Return the pieces that are done, in the order of the journal, each as often as it says so."""
    return [entry.piece for entry in entries(folder) if isinstance(entry, Done)]


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a series' folder but its private ones."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".ganplugin" not in path.parts]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def noted(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that the journal knows."""
    found = [entry for entry in entries(folder) if isinstance(entry, Done)]
    return {file.path: file.sha256 for entry in found for file in (*entry.files, *filter(None, [entry.thumbnail]))}


def piece_of(path: str) -> int:
    """Return the number of the piece that a file is of."""
    return int(Path(path).stem)


def assert_undisturbed(folder: Path, whole: Path) -> None:
    """The folder holds what an undisturbed run made, every piece once, and nothing else."""
    assert digests(folder) == digests(whole)
    assert noted(folder) == noted(whole)
    assert Counter(done(folder)) == Counter(done(whole))
    assert set(Counter(done(folder)).values()) == {1}
    assert [path for path in folder.rglob("*") if path.name.endswith(".part")] == []
