"""A folder with small models and photos, and series files in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.nodes.kit import save, write_models


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def home(models, tmp_path, monkeypatch) -> Path:
    """The working folder: all models, and two photos in ``photos``."""
    place = tmp_path / "home"
    shutil.copytree(models, place)
    save(place / "photos" / "cat.png", 11, 7)
    save(place / "photos" / "dog.png", 5, 6, seed=2)
    monkeypatch.chdir(place)
    monkeypatch.delenv("GANPLUGIN_MODELS", raising=False)
    return place
