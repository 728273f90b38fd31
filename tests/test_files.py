from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.errors import FileError, InputError
from ganplugin.files import (
    atomic_write,
    contained,
    existing,
    file_digest,
    make_folder,
    os_errors,
    sweep_temporary,
)

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals, limits or links")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


# --- whole or not at all ----------------------------------------------------------------------------------------


def test_a_written_file_has_its_bytes_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.png"
    with atomic_write(path) as part:
        assert part.parent == path.parent
        assert not path.exists()
        part.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert names(path.parent) == ["a.png"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_failing_block_changes_nothing(tmp_path: Path, error: BaseException, overwrite: bool) -> None:
    path = tmp_path / "a"
    if overwrite:
        path.write_bytes(b"old")
    with pytest.raises(type(error)), atomic_write(path, overwrite=overwrite) as part:
        part.write_bytes(b"half")
        raise error
    assert names(tmp_path) == (["a"] if overwrite else [])
    assert not overwrite or path.read_bytes() == b"old"


def test_an_existing_file_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileError, match=r"exists already - add --overwrite"), atomic_write(tmp_path / "a"):
        pytest.fail("the block ran")
    with pytest.raises(FileError, match="exists"):
        existing([tmp_path / "b", tmp_path / "a"])
    existing([tmp_path / "b"])


@posix_only
def test_a_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileError, match="exists"), atomic_write(tmp_path / "a"):
        pass


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="exists"), atomic_write(tmp_path / "a") as part:
        part.write_bytes(b"mine")
        (tmp_path / "a").write_bytes(b"theirs")
    assert (tmp_path / "a").read_bytes() == b"theirs"
    assert names(tmp_path) == ["a"]


def test_overwriting_replaces_the_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a long old content")
    with atomic_write(tmp_path / "a", overwrite=True) as part:
        part.write_bytes(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError), atomic_write(tmp_path / "a"):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["a" * 255, "花" * 85, "x" * 230 + ".png"])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    with atomic_write(tmp_path / name) as part:
        part.write_bytes(b"1")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["n" * 256, "nul\0byte", "lone\ud800surrogate"])
def test_impossible_names_are_a_file_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError), atomic_write(tmp_path / name) as part:
        part.write_bytes(b"1")
    with pytest.raises(FileError) as caught:
        file_digest(tmp_path / name)
    assert str(caught.value).isprintable()
    assert names(tmp_path) == []


def test_a_file_in_the_way_of_a_folder_and_the_reverse(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match="a folder is needed"):
        make_folder(tmp_path / "file")
    with pytest.raises(FileError, match="not a folder"), atomic_write(tmp_path / "file" / "deep" / "a"):
        pass
    with pytest.raises(FileError), atomic_write(tmp_path / "folder", overwrite=True) as part:
        part.write_bytes(b"1")
    assert names(tmp_path) == ["file", "folder"]
    assert make_folder(tmp_path / "folder" / "b" / "c").is_dir()


# --- faults: each call of the operating system fails once --------------------------------------------------------

CALLS = ["open", "fsync", "close", "link", "replace", "mkdir"]


class FaultyOs:
    """Lets the ``fail_at``-th call of the listed functions fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fail_at: int, code: int) -> None:
        self.calls, self.fail_at, self.code = 0, fail_at, code
        self.failed = ""
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls - 1 != self.fail_at:
                return real(*args, **options)
            self.failed = name
            if name == "close":
                real(*args)
            raise OSError(self.code, os.strerror(self.code))

        return call


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EPERM])
@pytest.mark.parametrize("before", [None, b"old"])
def test_any_failing_call_leaves_the_old_file_or_the_whole_new_one(
    tmp_path: Path, code: int, before: bytes | None
) -> None:
    failures = []
    for fail_at in range(20):
        path = tmp_path / str(fail_at) / "a"
        if before is not None:
            path.parent.mkdir()
            path.write_bytes(before)
        failed = False
        with pytest.MonkeyPatch.context() as monkeypatch:
            faulty = FaultyOs(monkeypatch, fail_at, code)
            try:
                with atomic_write(path, overwrite=before is not None) as part:
                    part.write_bytes(b"new")
            except FileError as error:
                failed = True
                assert str(path.parent) in str(error)
        failures.append(faulty.failed)
        found = path.read_bytes() if path.exists() else None
        assert found == (before if failed else b"new"), faulty.failed
        assert not path.parent.exists() or set(names(path.parent)) <= {"a"}, faulty.failed
        if not faulty.failed:
            break
    assert failures[-1] == ""
    assert {"open", "fsync", "close", "replace" if before is not None else "link"} <= set(failures)


def test_without_hard_links_a_file_is_still_written_and_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*args: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_link)
    with atomic_write(tmp_path / "a") as part:
        part.write_bytes(b"1")
    with pytest.raises(FileError, match="exists"), atomic_write(tmp_path / "b") as part:
        part.write_bytes(b"2")
        (tmp_path / "b").write_bytes(b"theirs")
    assert (names(tmp_path), (tmp_path / "b").read_bytes()) == (["a", "b"], b"theirs")


WRITER = """
import sys
from pathlib import Path
from ganplugin.files import atomic_write
path = Path(sys.argv[1])
print("ready", flush=True)
for round in range(10**6):
    with atomic_write(path, overwrite=True) as part:
        with part.open("wb") as stream:
            for _ in range(64):
                stream.write(bytes([round % 251]) * 65536)
"""


@posix_only
def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    delays = random.Random(0)
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delays.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 64 * 65536
            assert content == content[:1] * len(content)
    for stray in tmp_path.glob(".a.*"):
        os.utime(stray, (0, 0))
    sweep_temporary(tmp_path)
    assert set(names(tmp_path)) <= {"a"}


LIMITED = """
import resource, sys
from pathlib import Path
from ganplugin.errors import FileError
from ganplugin.files import atomic_write
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    with atomic_write(Path(sys.argv[1]), overwrite=True) as part:
        part.write_bytes(bytes(20_000))
except FileError as error:
    print(error)
"""


@posix_only
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True)
    assert str(path) in done.stdout
    assert (names(tmp_path), path.read_bytes()) == (["a"], b"old")


def test_sweeping_takes_old_strays_alone(tmp_path: Path) -> None:
    stray, fresh = ".a.png.0123456789ab.part", ".a.png.ba9876543210.part"
    kept = ["a.png", "a.part", ".a.0123.part", ".a.png.0123456789AB.part", fresh]
    for name in (stray, *kept):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, None if name == fresh else (0, 0))
    assert sweep_temporary(tmp_path) == 1
    assert names(tmp_path) == sorted(kept)
    assert sweep_temporary(tmp_path / "missing") == 0


# --- errors and digests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "fix"),
    [(errno.ENOSPC, "space"), (errno.EROFS, "read-only"), (errno.EACCES, "permissions"), (errno.EIO, "")],
)
def test_refusals_of_the_system_say_what_to_do(code: int, fix: str) -> None:
    with pytest.raises(FileError) as caught, os_errors("a.png"):
        raise OSError(code, "whatever")
    assert str(caught.value).startswith(f"a.png: {os.strerror(code).lower()}")
    assert fix in (caught.value.fix or "")


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="other"), os_errors("a"):
        raise ValueError("other")
    with pytest.raises(FileError, match="odd"), os_errors("a"):
        raise OSError("odd")


def test_digests_are_sha256_of_any_length(tmp_path: Path) -> None:
    for size in (0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1):
        data = random.Random(size).randbytes(size)
        (tmp_path / "a").write_bytes(data)
        assert file_digest(tmp_path / "a") == hashlib.sha256(data).hexdigest()
    with pytest.raises(FileError, match="check the path"):
        file_digest(tmp_path / "missing")
    with pytest.raises(FileError):
        file_digest(tmp_path)


# --- names stay inside -------------------------------------------------------------------------------------------

UNSAFE = [
    *("", ".", "..", "../a", "a/../b", "/a", "a/", "a//b", "C:a", "C:\\a", "\\\\host\\share", "a\\b"),
    *("~\0", "a\nb", "a\x1b[2J", "a\x85b", "\ud800", ".hidden", "a.", "a ", " a", ".. ", "x" * 201, "花" * 70),
    *("con", "CON.png", "nul", "Aux.txt.png", "com1", "LPT9.png", "com¹", "conin$", "a/con/b"),
    *("a?", "a*", "a|b", "<a>", 'a"b'),
]


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_names_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        contained(tmp_path, name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["a", "a.png", "series 1/seed-0001.png", "花/é.webp", "a..b", "console", "-rf"])
def test_plain_names_are_kept(tmp_path: Path, name: str) -> None:
    assert contained(tmp_path, name) == tmp_path.joinpath(*name.split("/"))


@given(
    st.text(max_size=30) | st.lists(st.sampled_from(["..", "a", "/", "\\", ".", "con", " "]), max_size=6).map("/".join)
)
def test_any_name_stays_inside_or_is_refused(name: str) -> None:
    folder = Path("some/output")
    with contextlib.suppress(InputError):
        path = contained(folder, name)
        inner = os.path.relpath(os.path.abspath(path), os.path.abspath(folder))  # noqa: PTH100
        assert not inner.startswith("..")
        assert inner != "."
        assert Path(inner) == Path(name)


@posix_only
def test_links_that_lead_outside_or_in_a_circle_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "file").symlink_to(tmp_path / "elsewhere.png")
    (folder / "inner").mkdir()
    (folder / "within").symlink_to(folder / "inner")
    for name in ("up/a", "loop/a", "loop", "file"):
        with pytest.raises(InputError, match="outside"):
            contained(folder, name)
    assert contained(folder, "within/a") == folder / "within" / "a"


@posix_only
def test_the_output_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    assert contained(tmp_path / "out", "a.png") == tmp_path / "out" / "a.png"
