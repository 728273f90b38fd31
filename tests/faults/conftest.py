"""A folder with small models, and series in it that are rendered by processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Done, run
from tests.faults.killing import Killer
from tests.nodes.kit import save
from tests.tiny_models import tiny_generator, tiny_scorer, tiny_style

__all__ = ["Done", "run"]

SERIES: dict[str, Any] = {
    "title": "Tides",
    "edition": 100,
    "seed": 7,
    "graph": {
        "model": {"class_type": "GanPluginLoadModel", "inputs": {"model": "tiny.onnx"}},
        "make": {"class_type": "GanPluginSample", "inputs": {"model": ["model", 0], "seeds": "0"}},
    },
    "traits": {
        "Seed": {"set": "make.seeds", "seeds": "any"},
        "Calm": {"set": "make.truncation", "choose": [0.5, 0.75, 1.0]},
    },
    "sheets": False,
    "metadata": False,
}

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def killer() -> Iterator[Killer]:
    if not sys.platform.startswith("linux"):
        pytest.skip("processes are looked up in /proc")
    killer = Killer()
    yield killer
    killer.close()


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The working folder: a generator, a style, a scorer and three photos."""
    place = tmp_path / "here"
    place.mkdir()
    tiny_generator(place / "tiny.onnx")
    tiny_style(place / "style.onnx")
    tiny_scorer(place / "scorer.onnx")
    for number, name in enumerate(("ant", "bee", "cat")):
        save(place / "photos" / f"{name}.png", 9, 6, seed=number)
    monkeypatch.chdir(place)
    monkeypatch.delenv("GANPLUGIN_MODELS", raising=False)
    return place


@pytest.fixture
def write(here) -> Write:
    """Write a series file, with some fields in place of the usual ones (None: without them), and return its path."""

    def written(name: str = "tides.yaml", **fields: Any) -> Path:
        series = {key: value for key, value in {**SERIES, **fields}.items() if value is not None}
        (here / name).write_text(yaml.safe_dump(series, sort_keys=False))
        return here / name

    return written
