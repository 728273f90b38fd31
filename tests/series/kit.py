"""Small series that the tests share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ganplugin.nodes import Context
from ganplugin.series.engine import InProcess
from ganplugin.series.entries import Done, Entry
from ganplugin.series.file import parse_series
from ganplugin.series.plan import Plan
from ganplugin.series.storage import LocalStorage
from ganplugin.series.workshop import Job, Setup

SAMPLE: dict[str, Any] = {
    "model": {"class_type": "GanPluginLoadModel", "inputs": {"model": "full.onnx"}},
    "make": {"class_type": "GanPluginSample", "inputs": {"model": ["model", 0], "seeds": "0"}},
}
SEEDS: dict[str, Any] = {"Seed": {"set": "make.seeds", "seeds": "any"}}


def series_text(**fields: Any) -> str:
    """Return the text of a series file: samples of a tiny model, each of another seed, unless told otherwise."""
    return yaml.safe_dump({"title": "Tides", "edition": 4, "graph": SAMPLE, "traits": SEEDS, **fields}, sort_keys=False)


def plan_of(home: Path = Path(), **fields: Any) -> Plan:
    return Plan.of(parse_series(series_text(**fields), "tides.yaml"), home)


def setup_of(plan: Plan, out: Path, **options: Any) -> Setup:
    return replace(Setup.of(plan, LocalStorage(out)), **{"device": "cpu", **options})


def rendered(plan: Plan, out: Path, pieces: Iterable[int] | None = None, **options: Any) -> dict[int, Entry]:
    """Render pieces as one job, in this process."""
    chosen = tuple(plan[index] for index in (range(len(plan)) if pieces is None else pieces))
    entries = InProcess().run(setup_of(plan, out, **options), [Job("render", chosen)], Context())
    return {entry.piece: entry for entry in entries}


def digests(entries: dict[int, Entry]) -> dict[str, str]:
    """Return the SHA-256 of every file of pieces that are done, by path."""
    done = [entry for entry in entries.values() if isinstance(entry, Done)]
    return {file.path: file.sha256 for entry in done for file in entry.files}
