"""Every file of a series checked against the digest that was noted when it was written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ganplugin.errors import FileError
from ganplugin.files import contained, file_digest
from ganplugin.nodes.context import Context
from ganplugin.series.entries import Done, Failed, WrittenFile
from ganplugin.series.folder import SeriesFolder
from ganplugin.series.naming import PIECES, THUMBNAILS

__all__ = ["Verdict", "mend", "verify_series"]


@dataclass
class Verdict:
    """What was found: files whose bytes are right, those that are missing or changed, and those that nobody knows."""

    right: int = 0
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    pieces: dict[int, str] = field(default_factory=dict)
    """The pieces that have missing or changed files, and the digest of each."""

    @property
    def is_sound(self) -> bool:
        """Whether every file of every piece is as it was written. Unknown files do no harm."""
        return not self.pieces


def verify_series(folder: SeriesFolder, context: Context) -> Verdict:
    """Read every file of every piece and compare. Raises `FileError` if there is no series, or no sound journal."""
    folder.record()
    done = _done(folder)
    verdict, known = Verdict(), set[str]()
    for piece, entry in context.track(sorted(done.items()), "Verifying", len(done)):
        for file in (*entry.files, *filter(None, [entry.thumbnail])):
            known.update(file.paths)
            if not _check(folder.path, file, verdict):
                verdict.pieces[piece] = entry.digest
    verdict.unknown = sorted(_strangers(folder.path, known))
    return verdict


def mend(folder: SeriesFolder, verdict: Verdict) -> None:
    """Note that damaged pieces have to be made again, which ``ganplugin render --retry-failed`` does."""
    with folder.journal() as journal:
        for piece, digest in verdict.pieces.items():
            journal.add(Failed(piece=piece, digest=digest, error="its files were missing or changed", kind="Damaged"))


def _done(folder: SeriesFolder) -> dict[int, Done]:
    found: dict[int, Done] = {}
    for entry in folder.entries():
        if isinstance(entry, Done):
            found[entry.piece] = entry
        elif isinstance(entry, Failed):
            found.pop(entry.piece, None)
    return found


def _check(folder: Path, file: WrittenFile, verdict: Verdict) -> bool:
    digests = []
    for path in file.paths:
        try:
            digests.append(file_digest(contained(folder, path)))
        except FileError:
            # What is there and cannot be read is no longer what was written.
            (verdict.changed if os.path.lexists(folder / path) else verdict.missing).append(path)
            return False
    actual = hashlib.sha256("".join(digests).encode()).hexdigest() if file.frames else digests[0]
    if actual != file.sha256:
        verdict.changed.append(file.path)
        return False
    verdict.right += len(digests)
    return True


def _strangers(folder: Path, known: set[str]) -> Iterable[str]:
    for place in (PIECES, THUMBNAILS):
        for path in (folder / place).rglob("*"):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name not in known:
                yield name
