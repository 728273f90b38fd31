from __future__ import annotations

import errno
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.errors import FileError
from ganplugin.series import journal as journals
from ganplugin.series.entries import Done, Failed, Judged, WrittenFile, written_line
from ganplugin.series.journal import Journal, read_journal

DIGEST = "ab" * 32


def done(piece: int) -> Done:
    files = (WrittenFile(path=f"pieces/{piece}/%05d.png", sha256=DIGEST, bytes=9, width=3, height=2, frames=4),)
    return Done(piece=piece, digest=DIGEST, files=files, models={"tiny.onnx": DIGEST}, seconds=0.25, threads=2)


LINES = (
    done(0),
    Failed(piece=1, digest=DIGEST, error='a "bad"\npicture: ü', kind="ImageError"),
    Judged(piece=2, digest=DIGEST, score=-0.5, look="00ff", seconds=1e-3),
)
DATA = b"".join(map(written_line, LINES))
ENDS = [len(b"".join(map(written_line, LINES[:count]))) for count in range(len(LINES) + 1)]


def whole_lines(length: int) -> int:
    """Return how many lines are whole in so many bytes."""
    return max(count for count, end in enumerate(ENDS) if end <= length)


def read(path):
    return tuple(read_journal(path))


def add(path, *entries):
    with Journal(path) as journal:
        for entry in entries:
            journal.add(entry)


def test_what_is_added_is_read_again_in_order(tmp_path):
    add(tmp_path / "new" / "j", *LINES[:2])
    add(tmp_path / "new" / "j", LINES[2])
    assert read(tmp_path / "new" / "j") == LINES
    assert (tmp_path / "new" / "j").read_bytes() == DATA


def test_a_missing_journal_and_an_empty_one_have_no_entries(tmp_path):
    assert read(tmp_path / "j") == ()
    add(tmp_path / "j")
    assert read(tmp_path / "j") == ()


def test_torn_at_any_byte_it_keeps_all_whole_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # six hundred times
    path = tmp_path / "j"
    for length in range(len(DATA) + 1):
        path.write_bytes(DATA[:length])
        whole = LINES[: whole_lines(length)]
        assert read(path) == whole
        add(path, done(7))
        assert read(path) == (*whole, done(7))
        assert path.read_bytes() == b"".join(map(written_line, (*whole, done(7))))


@given(length=st.integers(0, len(DATA)), tail=st.binary(max_size=40).filter(lambda tail: b"\n" not in tail))
def test_whatever_a_power_loss_left_behind_the_last_line_is_cut_off(tmp_path_factory, length, tail):
    path = tmp_path_factory.mktemp("torn") / "j"
    path.write_bytes(DATA[:length] + tail)
    whole = LINES[: whole_lines(length)]
    # A tail may by chance be just what was torn off.
    assert read(path)[: len(whole)] == whole
    add(path, done(7))
    assert read(path)[-1] == done(7)


@pytest.mark.parametrize("zeros", [1, 100, 4096, 100_000])
@pytest.mark.parametrize("length", [0, ENDS[1], ENDS[2] - 1])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_zeros_after_a_power_loss_are_a_torn_line(tmp_path, zeros, length, end):
    path = tmp_path / "j"
    path.write_bytes(DATA[:length] + b"\0" * zeros + end)
    assert read(path) == LINES[: whole_lines(length)]
    add(path, done(7))
    assert read(path) == (*LINES[: whole_lines(length)], done(7))


def test_a_journal_may_be_torn_again_and_again(tmp_path):
    path = tmp_path / "j"
    for piece in range(5):
        add(path, done(piece))
        with path.open("ab") as stream:
            stream.write(written_line(done(99))[: 10 * (piece + 1)])
    assert read(path) == tuple(map(done, range(5)))


@pytest.mark.parametrize(
    "damage",
    [
        b"\n",
        b"\0" * 30 + b"\n",
        b"[]\n",
        b'{"state":"done"}\n',
        written_line(done(3)).replace(b'"piece":3', b'"piece":-3'),
    ],
)
def test_a_damaged_line_that_others_follow_is_named_and_nothing_is_touched(tmp_path, damage):
    path = tmp_path / "j"
    path.write_bytes(written_line(LINES[0]) + damage + written_line(LINES[2]))
    before = path.read_bytes()
    for attempt in (lambda: read(path), lambda: add(path, done(7))):
        with pytest.raises(FileError, match=r"j: line 2 is damaged - delete that line .* --fork"):
            attempt()
    assert path.read_bytes() == before


@pytest.fixture
def synced(monkeypatch):
    """Note how long the journal was at each fsync of a file."""
    lengths: list[int] = []
    fsync = os.fsync

    def noted(handle):
        if stat.S_ISREG(os.fstat(handle).st_mode):
            lengths.append(os.fstat(handle).st_size)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    return lengths


def test_lines_reach_the_disk_in_batches_and_at_the_end(tmp_path, synced, monkeypatch):
    monkeypatch.setattr(journals.time, "monotonic", lambda: 0.0)
    line = len(written_line(done(0)))
    with Journal(tmp_path / "j") as journal:
        synced.clear()
        for _ in range(150):
            journal.add(done(0))
    assert [length // line for length in synced] == [64, 128, 150]


def test_a_line_waits_no_longer_than_for_the_next_after_a_second(tmp_path, synced, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(journals.time, "monotonic", lambda: now[0])
    with Journal(tmp_path / "j") as journal:
        synced.clear()
        for now[0] in (0.2, 0.9, 1.1, 1.2, 2.0, 2.2):
            journal.add(done(0))
        assert [length // len(written_line(done(0))) for length in synced] == [3, 6]


def test_the_name_of_a_new_journal_reaches_the_disk_too(tmp_path, monkeypatch):
    folders: list[object] = []
    monkeypatch.setattr(journals, "sync_folder", folders.append)
    add(tmp_path / "j", done(0))
    assert folders == [tmp_path]


def refusing(monkeypatch, budget: int):
    """Let the disk take so many bytes more, however little at a time, and then none."""
    write, left = os.write, [budget]

    def limited(handle, data):
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(handle, bytes(data)[: min(left[0], 7)])
        left[0] -= written
        return written

    monkeypatch.setattr(os, "write", limited)
    return left


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_disk_that_fills_up_in_the_middle_of_a_line_takes_that_line_back(tmp_path, monkeypatch, share):
    path = tmp_path / "j"
    first, second = written_line(done(0)), written_line(done(1))
    with Journal(path) as journal:
        left = refusing(monkeypatch, len(first) + int(share * len(second)))
        journal.add(done(0))
        with pytest.raises(FileError, match="no space left on device - free some space"):
            journal.add(done(1))
        assert path.read_bytes() == first
        left[0] = 10**6  # somebody made room
        journal.add(done(2))
    assert read(path) == (done(0), done(2))


def test_the_first_trouble_is_the_one_that_is_told(tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(errno.EIO, "no")

    with pytest.raises(ZeroDivisionError), Journal(tmp_path / "j"):
        monkeypatch.setattr(os, "fsync", refuse)
        raise ZeroDivisionError
    monkeypatch.undo()
    with pytest.raises(FileError, match="input/output error"), Journal(tmp_path / "j") as journal:
        journal.add(done(0))
        monkeypatch.setattr(os, "fsync", refuse)


def test_a_folder_in_its_place_is_an_error_in_words(tmp_path):
    (tmp_path / "j").mkdir()
    with pytest.raises(FileError, match="is a directory"):
        add(tmp_path / "j", done(0))
