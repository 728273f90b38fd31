"""A worker of a cluster, in this process: what it is sent, what it hands back, what it opens and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ganplugin import session_cache
from ganplugin.errors import Cancelled, FileError, ProviderError
from ganplugin.series.cluster_worker import ClusterWorker, provider_on
from ganplugin.series.entries import Done, Failed
from ganplugin.series.parcels import Parcels
from ganplugin.series.returned_storage import ReturnedStorage
from ganplugin.series.sending import Sending
from ganplugin.series.shipment import Chunk, Made
from ganplugin.series.trouble import Trouble
from ganplugin.series.worker_folder import WorkerFolder, sweep_abandoned
from ganplugin.series.workshop import Job
from tests.series.kit import plan_of, rendered, setup_of
from tests.series.test_workshop import PHOTOS


class Worker:
    """A worker and what sends to it."""

    def __init__(self, plan, out: Path) -> None:
        parcels = Parcels(setup_of(plan, out, threads=1))
        self.plan, self.storage = plan, ReturnedStorage()
        self.sending = Sending(parcels, lambda data: data)
        self.worker = ClusterWorker(replace(parcels.setup, storage=self.storage))

    def make(self, *pieces: int) -> tuple[Made, ...] | Trouble:
        job = Job("render", tuple(self.plan[index] for index in pieces))
        return self.worker.make(self.sending.chunk((job,), set()))


@pytest.fixture
def start(monkeypatch, tmp_path_factory):
    """Start workers that are stopped in the end, on a machine with an empty cache."""
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path_factory.mktemp("cache")))
    started: list[Worker] = []

    def call(plan, out: Path) -> Worker:
        started.append(Worker(plan, out))
        return started[-1]

    yield call
    for it in started:
        it.worker.stop()


def test_files_come_back_with_their_piece_and_nothing_stays(home, tmp_path, start):
    plan = plan_of(**PHOTOS)
    alone = rendered(plan, tmp_path / "alone", threads=1)
    made = start(plan, tmp_path / "none").make(0, 1)
    for it in made:
        assert isinstance(it.entry, Done)
        assert it.entry.files == alone[it.entry.piece].files
        assert dict(it.files) == {path: (tmp_path / "alone" / path).read_bytes() for path, _ in it.files}
        assert len(it.files) == 2  # and the thumbnail
    assert not (tmp_path / "none").exists()


def test_pictures_are_deleted_when_their_chunk_is_done_and_models_stay(home, tmp_path, start):
    it = start(plan_of(**PHOTOS), tmp_path)
    it.make(1)
    folder = it.worker._folder.path
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {".alive", "styles.onnx", "photos/cat.png"}  # the graph itself names both
    it.worker.stop()
    assert not folder.exists()


def test_a_model_is_opened_once_however_many_chunks(home, tmp_path, start, monkeypatch):
    opened: list[str] = []
    create = session_cache.open_with_cache
    monkeypatch.setattr(session_cache, "open_with_cache", lambda *of: opened.append(of[1]) or create(*of))
    session_cache_of_process().clear()
    it = start(plan_of(edition=9), tmp_path)
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda first: it.make(first, first + 1, first + 2), (0, 3, 6)))
    assert sorted(one.entry.piece for chunk in made for one in chunk) == list(range(9))
    assert len(opened) == 1


def session_cache_of_process():
    from ganplugin import runtime

    return next(value for value in vars(runtime).values() if isinstance(value, session_cache.SessionCache))


def test_a_piece_that_fails_leaves_no_files_behind(home, tmp_path, start, monkeypatch):
    from ganplugin.errors import ImageError
    from ganplugin.series import encoding

    encode = encoding.encode_picture

    def refuse(pixels, suffix, **options):
        if suffix == ".jpg":
            raise ImageError("is too large for jpg")
        return encode(pixels, suffix, **options)

    monkeypatch.setattr(encoding, "encode_picture", refuse)
    it = start(plan_of(edition=1, outputs=[{"formats": ["png", "jpg"]}]), tmp_path)
    (made,) = it.make(0)
    assert isinstance(made.entry, Failed)
    assert made.files == ()
    assert list(it.storage.names("pieces")) == []


def test_what_stops_the_series_is_told_and_told_again(home, tmp_path, start, monkeypatch):
    it = start(plan_of(), tmp_path)

    def refuse(self, path, data):
        raise FileError("no space left on device", where=path, fix="free some")

    monkeypatch.setattr(ReturnedStorage, "write", refuse)
    for _ in range(2):
        trouble = it.make(0)
        assert isinstance(trouble, Trouble)
        assert (type(trouble.error()), trouble.error().fix) == (FileError, "free some")


def test_a_worker_that_was_stopped_makes_nothing(home, tmp_path, start):
    it = start(plan_of(), tmp_path)
    it.worker.stop()
    assert it.make(0).kind is Cancelled


def test_what_is_fetched_is_fetched_once_a_machine_and_checked(home, monkeypatch, tmp_path):
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))
    sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    fetched: list[bytes] = []
    one, two = WorkerFolder(), WorkerFolder()
    for folder in (one, two, one):
        folder.keep("models/a.onnx", sha256, lambda: fetched.append(b"foo") or b"foo")
        assert (folder.path / "models/a.onnx").read_bytes() == b"foo"
    assert fetched == [b"foo"]
    with pytest.raises(FileError, match="changed while"):
        one.keep("models/b.onnx", "0" * 64, lambda: b"foo")
    one.close()
    two.close()


def test_a_picture_stays_until_the_last_chunk_gives_it_back():
    folder = WorkerFolder()
    folder.lend("a.png", b"a")
    folder.lend("a.png", b"a")
    folder.give_back("a.png")
    assert (folder.path / "a.png").read_bytes() == b"a"
    folder.give_back("a.png")
    assert not (folder.path / "a.png").exists()
    folder.close()


def test_a_worker_on_the_same_disks_reads_and_writes_in_place(home, tmp_path, monkeypatch):
    plan = plan_of(**PHOTOS)
    worker = ClusterWorker(setup_of(plan, tmp_path / "out", threads=1), beside=home)
    found = worker.make(Chunk((Job("render", (plan[0],)),)))
    worker.stop()
    assert isinstance(found, tuple)
    (made,) = found
    assert made.files == ()
    assert (tmp_path / "out" / made.entry.files[0].path).is_file()


def test_what_computes_is_found_out_without_the_series():
    assert provider_on("cpu", 1) == "CPUExecutionProvider"
    with pytest.raises(ProviderError):
        provider_on("cuda", 1)


def test_a_chunk_waits_for_a_model_that_another_one_brings(home, tmp_path, start):
    it = start(plan_of(edition=2), tmp_path)
    slow, quick = (it.sending.chunk((Job("render", (it.plan[index],)),), set()) for index in (0, 1))
    keep, begun = it.worker._folder.keep, threading.Event()

    def late(place, sha256, fetch):
        begun.set()
        time.sleep(0.3)
        return fetch()

    it.worker._folder.keep = lambda place, sha256, fetch: keep(place, sha256, lambda: late(place, sha256, fetch))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(it.worker.make, slow)
        assert begun.wait(10)
        made = [*it.worker.make(quick), *first.result()]
    assert [type(one.entry) for one in made] == [Done, Done]


def test_the_folder_of_a_killed_worker_goes_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that were killed once left theirs behind for good."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "import os; from ganplugin.series.worker_folder import WorkerFolder; kept = WorkerFolder(); os._exit(9)"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    (abandoned,) = tmp_path.glob("ganplugin-worker-*")
    living = WorkerFolder()
    assert abandoned.exists(), "it is too young to be sure"
    sweep_abandoned(tmp_path, older_than=0)
    assert not abandoned.exists()
    assert living.path.exists()
    living.close()
    assert list(tmp_path.iterdir()) == []
