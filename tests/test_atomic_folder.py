from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from ganplugin.errors import FileError
from ganplugin.files import atomic_folder
from tests.test_files import names


def fill(path: Path, *files: str, overwrite: bool = False) -> None:
    with atomic_folder(path, overwrite=overwrite) as part:
        for name in files:
            (part / name).write_text(name)
            assert name not in (names(path) if path.exists() else [])


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    fill(tmp_path / "new" / "a.pack", "x", "y")
    assert names(tmp_path / "new") == ["a.pack"]
    assert names(tmp_path / "new" / "a.pack") == ["x", "y"]


def test_a_folder_that_failed_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path / "a", "old")
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "a", overwrite=True) as part:
        (part / "new").write_text("half")
        raise RuntimeError("stop")
    with pytest.raises(FileError, match="exists already"):
        fill(tmp_path / "a", "new")
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == ["old"]


def test_a_folder_is_exchanged_only_when_asked(tmp_path: Path) -> None:
    fill(tmp_path / "a", "old")
    fill(tmp_path / "a", "new", overwrite=True)
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == ["new"]


def test_an_exchange_that_fails_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "a", "old")
    usual, calls = os.replace, []

    def second_fails(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(errno.EIO, "disk")
        usual(source, target)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(FileError):
        fill(tmp_path / "a", "new", overwrite=True)
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == ["old"]


def test_folders_of_killed_writers_go_after_an_hour(tmp_path: Path) -> None:
    for name in (".a.0123456789ab.part", ".a.ba9876543210.part", ".other.0123456789ab.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("half")
    for name in (".a.0123456789ab.part", ".other.0123456789ab.part"):
        os.utime(tmp_path / name, (time.time() - 7200,) * 2)
    fill(tmp_path / "a", "x")
    assert names(tmp_path) == [".a.ba9876543210.part", ".other.0123456789ab.part", "a"]
