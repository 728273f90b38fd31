"""A folder with models and photos, and the command line run in this process."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganplugin.cli import main
from tests.nodes.conftest import rendered
from tests.nodes.kit import save, write_models

__all__ = ["rendered"]


@dataclass(frozen=True)
class Done:
    """How a command ended and what it wrote."""

    code: int
    stdout: bytes
    err: str

    @property
    def out(self) -> str:
        return self.stdout.decode()


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def here(models, tmp_path, monkeypatch) -> Path:
    """The working folder: all models, two photos in ``photos`` and an empty folder."""
    place = tmp_path / "here"
    shutil.copytree(models, place)
    save(place / "photos" / "cat.jpg", 11, 7)
    save(place / "photos" / "dog.png", 5, 6, channels=4, seed=2)
    (place / "empty").mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("GANPLUGIN_MODELS", raising=False)
    return place


@pytest.fixture
def run(here, capsysbinary, monkeypatch) -> Callable[..., Done]:
    """Run the command line with these arguments; no traceback may reach the user."""

    def call(*arguments: object, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        assert b"Traceback" not in err
        return Done(int(end.value.code or 0), out, err.decode())

    return call


@pytest.fixture
def files(here) -> Callable[[], dict[str, bytes]]:
    """Tell all files below the working folder and what is in them."""
    return lambda: {
        path.relative_to(here).as_posix(): path.read_bytes() for path in sorted(here.rglob("*")) if path.is_file()
    }
