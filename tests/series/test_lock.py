from __future__ import annotations

import json
import os
import socket

import filelock
import pytest

from ganplugin.errors import FileError
from ganplugin.series.lock import locked


def test_a_second_one_is_refused_by_name_until_the_first_is_gone(tmp_path):
    with locked(tmp_path / "own", "tides"):
        with (
            pytest.raises(FileError, match=f"tides: is being rendered already by process {os.getpid()} on ") as refused,
            locked(tmp_path / "own", "tides"),
        ):
            pass
        assert socket.gethostname()[:80] in str(refused.value)
    with locked(tmp_path / "own", "tides"):
        pass


def test_it_is_given_back_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "tides"):
        raise ZeroDivisionError
    assert not (tmp_path / "holder.json").exists()
    with locked(tmp_path, "tides"):
        pass


@pytest.mark.parametrize(
    "left", ["", "{", "[]", '{"process": "x"}', json.dumps({"process": 1, "host": "h", "since": 1e300})]
)
def test_a_note_that_cannot_be_read_names_nobody(tmp_path, left):
    with locked(tmp_path, "tides"):
        (tmp_path / "holder.json").write_text(left)
        with (
            pytest.raises(FileError, match=r"^tides: is being rendered already - wait for it"),
            locked(tmp_path, "tides"),
        ):
            pass


def test_files_that_a_killed_process_left_lock_nothing(tmp_path):
    (tmp_path / "lock").write_text("")
    (tmp_path / "holder.json").write_text(json.dumps({"process": 1, "host": "elsewhere", "since": 0}))
    with locked(tmp_path, "tides"):
        assert json.loads((tmp_path / "holder.json").read_text())["process"] == os.getpid()


def test_a_disk_without_locks_is_refused(tmp_path, monkeypatch):
    def refuse(self, *arguments, **options):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(FileError, match="tides: is on a disk without locks"), locked(tmp_path, "tides"):
        pass


def test_a_place_that_cannot_be_written_is_an_error_in_words(tmp_path):
    (tmp_path / "own").write_text("")
    with pytest.raises(FileError, match="is a file, but a folder is needed"), locked(tmp_path / "own", "tides"):
        pass
