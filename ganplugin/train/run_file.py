"""``run.json``: what a run is, written down when it starts and read when it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import torch

from ganplugin import __version__
from ganplugin.errors import TrainingError
from ganplugin.files import atomic_write, make_folder
from ganplugin.train.page.folder import FACTS, STATE

__all__ = ["Called", "as_before", "config_of_start", "facts_of_same_data", "note_call", "run_of", "write_facts"]


@dataclass(frozen=True)
class Called:
    """How a training was called: word by word, all its options, and which of them were given."""

    words: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        """Return it as ``run.json`` holds it."""
        return {"command": list(self.words), "options": dict(self.options), "given": list(self.given)}


def run_of(out: Path, kind: str, *, resume: bool) -> dict[str, object]:
    """Return what the run in a folder wrote of itself; nothing for a new one.

    Raises `TrainingError` if there is no run of this ``kind`` to go on with, there is one and ``resume`` was not said,
    or the file is damaged.
    """
    if not resume:
        if (out / STATE).exists():
            raise TrainingError("holds a run already", where=out, fix="add --resume or choose another --out")
        return {}
    if not (out / STATE).exists():
        raise TrainingError("holds no state to resume", where=out, fix="leave out --resume, or name the run with --out")
    facts = _facts(out)
    command = facts.get("command")
    if isinstance(command, list) and command[1:2] not in ([], [kind]):
        raise TrainingError(
            f"holds a run of ganplugin train {command[1]}", where=out, fix=f"go on with ganplugin train {command[1]}"
        )
    return facts


def facts_of_same_data(out: Path, digest: str) -> Mapping[str, object]:
    """Return what a run wrote of itself. Raises `TrainingError` if it was trained on pictures of another digest."""
    facts = _facts(out)
    if facts and facts.get("data_digest") != digest:
        raise TrainingError(
            "the run was trained on other pictures, or on others of their pixels",
            where=out,
            fix="give the same pictures, size and crops, or start a new run with --from and its checkpoint",
        )
    return facts


def _facts(out: Path) -> dict[str, object]:
    try:
        return dict(json.loads((out / FACTS).read_text(encoding="utf-8")))
    except OSError:
        return {}  # runs of the first release wrote none
    except ValueError as error:
        raise TrainingError("is damaged", where=out / FACTS, fix="start a new run with another --out") from error


def write_facts(out: Path, facts: Mapping[str, object]) -> None:
    """Write what a new run is, with versions and the time, in place of what one that never saved a state left."""
    written = {
        **facts,
        "versions": {"ganplugin": __version__, "torch": torch.__version__},
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    _write(make_folder(out) / FACTS, written)


def as_before(before: Mapping[str, object], name: str, asked: str) -> str:
    """Return what was asked for, or, where that is ``auto``, what the run found best when it began."""
    return str(before.get(name, asked)) if asked == "auto" else asked


def note_call(out: Path, called: Called) -> None:
    """Write down how a run is gone on with, so that it is the next time, too."""
    facts = _facts(out)
    if facts:
        _write(out / FACTS, {**facts, **called.facts()})


def _write(path: Path, facts: Mapping[str, object]) -> None:
    with atomic_write(path, overwrite=True) as part:
        part.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def config_of_start(config: Mapping[str, object], source: str, rights: str) -> dict[str, object]:
    """Return what a run notes of the file that it goes on from: what JSON can hold, nothing of another training."""
    kept: dict[str, object] = {}
    for key, value in config.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            continue
        kept[key] = value
    for key in ("training", "digest", "classes"):
        kept.pop(key, None)
    return {**kept, "from": source, "from_rights": rights}
