"""``run.json``: what a run is, written down when it starts and read when it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

import torch

from ganplugin import __version__
from ganplugin.errors import TrainingError
from ganplugin.files import atomic_write
from ganplugin.train.page.folder import FACTS

__all__ = ["facts_of_same_data", "plain_config", "recorded", "write_facts"]


def recorded(out: Path) -> dict[str, object]:
    """Return the recipe and the options that a run wrote down, nothing where there is none.

    Raises `TrainingError` if the file is damaged.
    """
    facts = _facts(out)
    options = facts.get("options")
    return {**(options if isinstance(options, dict) else {}), "recipe": facts["recipe"]} if facts else {}


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
    """Write what a run is, with versions and the time, unless that was done before."""
    if (out / FACTS).exists():
        return
    written = {
        **facts,
        "versions": {"ganplugin": __version__, "torch": torch.__version__},
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / FACTS) as part:
        part.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def plain_config(config: Mapping[str, object]) -> dict[str, object]:
    """Return what JSON can hold of a configuration, without what is told of another training."""
    kept: dict[str, object] = {}
    for key, value in config.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            continue
        kept[key] = value
    return {key: value for key, value in kept.items() if key not in ("training", "digest", "classes")}
