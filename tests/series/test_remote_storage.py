"""Stores: files whole or not at all, at any address that fsspec knows."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import fsspec
import pytest

from ganplugin.errors import DependencyError, FileError, InputError
from ganplugin.series.remote_storage import RemoteStorage, storage_at, store_of
from ganplugin.series.returned_storage import ReturnedStorage
from ganplugin.series.storage import LocalStorage, Storage


@pytest.fixture(params=["folder", "memory", "file", "returned"])
def storage(request, tmp_path) -> Storage:
    """Every kind of storage, empty."""
    if request.param == "folder":
        return LocalStorage(tmp_path)
    if request.param == "returned":
        return ReturnedStorage()
    return RemoteStorage(f"memory://{tmp_path.name}" if request.param == "memory" else (tmp_path / "x").as_uri())


def test_what_was_written_is_read_replaced_and_found(storage):
    assert list(storage.names("pieces")) == []
    storage.write("pieces/a.png", b"first")
    storage.write("pieces/a.png", b"second")
    storage.write("pieces/walk/00000.png", b"frame")
    storage.write("thumbs/a.webp", b"small")
    assert storage.read("pieces/a.png") == b"second"
    assert storage.digest("pieces/a.png") == hashlib.sha256(b"second").hexdigest()
    assert sorted(storage.names("pieces")) == ["pieces/a.png", "pieces/walk/00000.png"]


def test_what_is_not_there_is_an_error_of_a_file(storage):
    for ask in (storage.read, storage.digest):
        with pytest.raises(FileError):
            ask("pieces/none.png")


def test_a_film_is_stored_when_it_is_complete(storage, tmp_path):
    with pytest.raises(ZeroDivisionError), storage.film("pieces/a.mp4") as place:
        if not isinstance(storage, LocalStorage):  # whoever writes films into a folder writes them whole
            place.write_bytes(b"half")
        1 / 0  # noqa: B018
    assert list(storage.names("pieces")) == []
    with storage.film("pieces/a.mp4") as place:
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"film")
    assert storage.read("pieces/a.mp4") == b"film"


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "pieces/../../a.png"])
def test_nothing_is_written_outside(tmp_path, name):
    with pytest.raises(InputError):
        RemoteStorage((tmp_path / "x").as_uri()).write(name, b"")


def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path, monkeypatch):
    storage = RemoteStorage(tmp_path.as_uri())
    storage.write("pieces/a.png", b"old")
    system = type(fsspec.filesystem("file"))
    put = system.pipe_file

    def break_off(self, path, value, **options):
        put(self, path, value[:1])
        raise OSError("the line is down")

    monkeypatch.setattr(system, "pipe_file", break_off)
    with pytest.raises(FileError, match="the line is down"):
        storage.write("pieces/a.png", b"new")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "pieces").iterdir()] == [("a.png", b"old")]


def test_errors_of_file_systems_are_told_with_the_address():
    with pytest.raises(FileError, match="nowhere://x"):
        RemoteStorage("nowhere://x").write("pieces/a.png", b"")


def test_a_missing_package_is_named(monkeypatch):
    def missing(url):
        raise ImportError("install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(DependencyError, match="s3fs"):
        RemoteStorage("s3://bucket/x").read("pieces/a.png")


def test_an_address_is_told_from_a_folder():
    assert storage_at(Path("x"), "") == LocalStorage(Path("x"))
    assert store_of(storage_at(Path("x"), "s3://a/b")) == "s3://a/b"
    assert store_of(LocalStorage(Path("x"))) == ""
    with pytest.raises(InputError, match="--store elsewhere"):
        storage_at(Path("x"), "elsewhere")


def test_storages_travel_to_other_processes():
    for storage in (LocalStorage(Path("x")), RemoteStorage("s3://a/b"), ReturnedStorage()):
        assert pickle.loads(pickle.dumps(storage)) == storage


def test_a_file_that_comes_back_is_handed_over_once():
    storage = ReturnedStorage()
    storage.write("pieces/a.png", b"a")
    assert storage.take("pieces/a.png") == b"a"
    with pytest.raises(FileError):
        storage.take("pieces/a.png")
    assert storage.drop("pieces/a.png") is False
