"""A disk that is full, read-only or forbidden, from any moment on: a clean stop, a sound journal, and it goes on."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.killing import JOURNAL, assert_undisturbed, digests, done, entries

PIECES = 5


class BadDisk:
    """From its ``first`` write on, every call that changes the disk fails, and writes leave half of the bytes."""

    def __init__(self, monkeypatch, first: int, code: int) -> None:
        self.calls = 0
        self._first, self._code = first, code
        self._whole = {"write": os.write, "bytes": Path.write_bytes}
        monkeypatch.setattr(os, "write", self._write)
        monkeypatch.setattr(Path, "write_bytes", lambda path, data: self._write_bytes(path, data))
        for name in ("fsync", "replace", "link", "mkdir"):
            monkeypatch.setattr(os, name, self._failing(getattr(os, name)))

    def _fails(self) -> bool:
        self.calls += 1
        return self.calls > self._first

    def _error(self) -> OSError:
        return OSError(self._code, os.strerror(self._code))

    def _failing(self, call):
        def tried(*arguments, **options):
            if self._fails():
                raise self._error()
            return call(*arguments, **options)

        return tried

    def _write(self, handle, data):
        if self._fails():
            self._whole["write"](handle, bytes(data)[: len(data) // 2])
            raise self._error()
        return self._whole["write"](handle, data)

    def _write_bytes(self, path, data):
        if self._fails():
            self._whole["bytes"](path, bytes(data)[: len(data) // 2])
            raise self._error()
        return self._whole["bytes"](path, data)


@pytest.fixture
def whole(here, write, run) -> Path:
    write(edition=PIECES)
    assert run("render", "tides.yaml", "--out", "whole").code == 0
    return here / "whole"


def all_calls(run) -> int:
    """Return how many calls a whole run makes that a bad disk would refuse."""
    with pytest.MonkeyPatch.context() as patched:
        disk = BadDisk(patched, 10**9, errno.ENOSPC)
        assert run("render", "tides.yaml", "--out", "counted").code == 0
    return disk.calls


@pytest.mark.parametrize(
    ("code", "step", "words"),
    [
        (errno.ENOSPC, 1, "no space left on device - free some space"),
        (errno.EACCES, 5, "permission denied - check the permissions"),
        (errno.EROFS, 5, "read-only file system - the disk is read-only"),
        (errno.EIO, 5, "input/output error"),
    ],
)
def test_a_disk_that_fails_from_any_call_on_stops_cleanly(here, run, whole, code, step, words):
    stops = 0
    for first in range(0, all_calls(run), step):
        with pytest.MonkeyPatch.context() as patched:
            BadDisk(patched, first, code)
            ended = run("render", "tides.yaml", "--out", "bad")
        if ended.code:  # what the disk refuses last may be what nothing depends on
            stops += 1
            assert ended.code == 3
            assert words in ended.err
            assert ended.err.count("\n") == 1
        assert not list((here / "bad").rglob("*.part"))
        made = done(here / "bad")
        assert run("render", "tides.yaml", "--out", "bad").code == 0
        assert done(here / "bad")[: len(made)] == made
        assert_undisturbed(here / "bad", whole)
        shutil.rmtree(here / "bad")
    assert stops > 15 / step


def test_a_line_that_fills_the_disk_is_taken_back(here, run, whole):
    """Half of a line reached the journal: the lines before it are whole, and the next run adds to them."""
    journal = here / "bad" / JOURNAL
    halves = []
    write = os.write

    def full(handle, data):
        if bytes(data).startswith(b'{"state":"done"') and len(done(here / "bad")) == 2:
            write(handle, bytes(data)[:40])
            halves.append(journal.stat().st_size)
            raise OSError(errno.ENOSPC, "full")
        return write(handle, data)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "write", full)
        ended = run("render", "tides.yaml", "--out", "bad")
    assert (ended.code, len(halves)) == (3, 1)
    assert journal.stat().st_size == halves[0] - 40
    assert journal.read_bytes().endswith(b"}\n")
    assert run("render", "tides.yaml", "--out", "bad").code == 0
    assert_undisturbed(here / "bad", whole)


def lock_away(path: Path) -> bool:
    """Take the permission to change a folder or file, from root too; tell whether that worked."""
    path.chmod(0o555 if path.is_dir() else 0o444)
    if os.access(path, os.W_OK):
        return subprocess.run(["chattr", "+i", path], capture_output=True).returncode == 0
    return True


def give_back(path: Path) -> None:
    subprocess.run(["chattr", "-i", path], capture_output=True)
    path.chmod(0o755)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="root needs chattr to be refused anything")
@pytest.mark.parametrize("name", ["pieces", JOURNAL])
def test_a_permission_that_is_lost_midway_stops_cleanly(here, run, whole, name):
    assert run("render", "tides.yaml", "--out", "lost", "--pieces", "0-1").code == 0
    place = here / "lost" / name
    if not lock_away(place):
        give_back(place)
        pytest.skip("this file system cannot refuse root")
    try:
        before = digests(here / "lost")
        ended = run("render", "lost")
        assert ended.code == 3
        assert "check the permissions" in ended.err
        assert digests(here / "lost") == before
        assert done(here / "lost") == [0, 1]
    finally:
        give_back(place)
    assert run("render", "lost").code == 0
    assert_undisturbed(here / "lost", whole)


def mounts() -> bool:
    """Tell whether this user may mount a disk that only its own processes see."""
    command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


REAL_DISK = """
set -u
mkdir small && mount -t tmpfs -o size=SIZE tmpfs small || exit 99
ganplugin() { "$PYTHON" -m ganplugin "$@"; }
ganplugin render tides.yaml --out small/bad; echo "full: $?"
grep -c done small/bad/.ganplugin/journal.jsonl
mount -o remount,size=64m small
ganplugin render small/bad --pieces 0-99; echo "more: $?"
mount -o remount,ro small
ganplugin verify small/bad > /dev/null; echo "verify: $?"
ganplugin render small/bad; echo "read-only: $?"
mount -o remount,rw small
ganplugin render small/bad; echo "writable: $?"
cp -a small/bad bad
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or not mounts(), reason="only root may mount disks")
def test_a_real_disk_that_is_full_and_then_read_only(here, write, run):
    write(edition=200)
    assert run("render", "tides.yaml", "--out", "whole").code == 0
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    script = REAL_DISK.replace("SIZE", "500k")
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], cwd=here, env=environment, capture_output=True, text=True, timeout=300
    )
    codes = dict(line.split(": ") for line in ended.stdout.splitlines() if line.count(": ") == 1 and "made" not in line)
    assert codes.pop("full") == "3", ended.stdout + ended.stderr
    assert codes.items() >= {"more": "0", "verify": "0", "read-only": "3", "writable": "0"}.items(), ended.stderr
    assert "no space left on device - free some space" in ended.stderr
    assert "read-only file system" in ended.stderr
    assert len(entries(here / "bad")) == 200
    assert_undisturbed(here / "bad", here / "whole")
