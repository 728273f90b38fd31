"""Every file of a series checked against the digest that was noted when it was written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from ganplugin.errors import FileError
from ganplugin.nodes.context import Context
from ganplugin.series.entries import Done, Failed, WrittenFile
from ganplugin.series.folder import SeriesFolder
from ganplugin.series.naming import PIECES, THUMBNAILS
from ganplugin.series.remote_storage import storage_at
from ganplugin.series.storage import Storage

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
    storage = storage_at(folder.path, folder.store)
    # First of all: a store that does not answer is no store without files.
    there = {name for place in (PIECES, THUMBNAILS) for name in storage.names(place)}
    verdict, known = Verdict(), set[str]()
    for piece, entry in context.track(sorted(done.items()), "Verifying", len(done)):
        for file in (*entry.files, *filter(None, [entry.thumbnail])):
            known.update(file.paths)
            if not _check(storage, there, file, verdict):
                verdict.pieces[piece] = entry.digest
    verdict.unknown = sorted(there - known)
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


def _check(storage: Storage, there: set[str], file: WrittenFile, verdict: Verdict) -> bool:
    digests = []
    for path in file.paths:
        try:
            digests.append(storage.digest(path))
        except FileError:
            # What is there and cannot be read is no longer what was written.
            (verdict.changed if path in there else verdict.missing).append(path)
            return False
    actual = hashlib.sha256("".join(digests).encode()).hexdigest() if file.frames else digests[0]
    if actual != file.sha256:
        verdict.changed.append(file.path)
        return False
    verdict.right += len(digests)
    return True
