"""Models on disk, a fresh working folder, and a count of what was rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganplugin.nodes import Context
from ganplugin.runtime import Model
from tests.nodes.kit import write_models


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANPLUGIN_MODELS", raising=False)
    return tmp_path


@pytest.fixture
def context() -> Context:
    return Context(device="cpu")


@pytest.fixture
def rendered(monkeypatch) -> list[int]:
    """The number of pictures of each call to a generator."""
    rows: list[int] = []

    def watch(name):
        generate = getattr(Model, name)

        def counting(self, z, **options):
            rows.append(len(z))
            return generate(self, z, **options)

        monkeypatch.setattr(Model, name, counting)

    watch("generate")
    watch("generate_levels")
    return rows
