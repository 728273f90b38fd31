"""The folder by which ComfyUI finds our nodes: found, written, brought up to date and taken away."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganplugin import hostpacks
from ganplugin.errors import FileError
from ganplugin.hostpacks import HostPack


@pytest.fixture(params=["comfyui"])
def pack(request) -> HostPack:
    return hostpacks.PACKS[request.param]


@pytest.fixture(autouse=True)
def nowhere(pack, tmp_path, monkeypatch) -> Path:
    """A working folder and a home without a host."""
    for name in ("work/deep", "home"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "deep")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv(pack.variable, raising=False)
    return tmp_path


def host_at(pack: HostPack, folder: Path) -> Path:
    """Make a host's folder and return its folder of packs."""
    nodes = folder / pack.nodes_folder
    nodes.mkdir(parents=True)
    return nodes


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def times(folder: Path) -> Iterator[int]:
    return (path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file())


def test_every_file_of_the_pack_is_written_and_no_other(pack, tmp_path):
    nodes = host_at(pack, tmp_path / "host")
    folder = hostpacks.install(pack, tmp_path / "host")
    assert folder == nodes / pack.folder
    assert contents(nodes) == {f"{pack.folder}/{name}": data for name, data in hostpacks.pack_files(pack)}
    assert (folder / "__init__.py").read_text() == f"{pack.line}\n"


def test_the_pack_holds_all_its_data(pack):
    names = [name for name, _ in hostpacks.pack_files(pack)]
    assert len(names) == len(set(names))
    assert {name.partition("/")[0] for name in names} == {"__init__.py", *pack.data}


def test_the_folder_of_packs_itself_may_be_named(pack, tmp_path, monkeypatch):
    nodes = host_at(pack, tmp_path / "host")
    assert hostpacks.find(pack, nodes) == nodes
    monkeypatch.chdir(nodes)
    assert hostpacks.find(pack, Path()).samefile(nodes)
    assert hostpacks.find(pack, None).samefile(nodes)


def test_a_portable_host_lies_one_folder_deeper(pack, tmp_path):
    nodes = host_at(pack, tmp_path / "portable" / pack.title)
    assert hostpacks.find(pack, tmp_path / "portable") == nodes


@pytest.mark.parametrize("base", ["work/deep", "work", "home"])
def test_the_usual_places_are_searched(pack, base, tmp_path):
    for place in pack.places:
        nodes = host_at(pack, tmp_path / base / place)
        assert hostpacks.find(pack, None).samefile(nodes)
        nodes.rmdir()


def test_the_variable_comes_before_the_usual_places(pack, tmp_path, monkeypatch):
    host_at(pack, tmp_path / "home" / pack.places[1])
    named = host_at(pack, tmp_path / "elsewhere")
    monkeypatch.setenv(pack.variable, str(tmp_path / "elsewhere"))
    assert hostpacks.find(pack, None) == named


def test_a_named_folder_comes_before_the_variable(pack, tmp_path, monkeypatch):
    host_at(pack, tmp_path / "elsewhere")
    given = host_at(pack, tmp_path / "given")
    monkeypatch.setenv(pack.variable, str(tmp_path / "elsewhere"))
    assert hostpacks.find(pack, tmp_path / "given") == given


def test_a_variable_that_names_no_host_is_an_error_though_one_is_at_home(pack, tmp_path, monkeypatch):
    host_at(pack, tmp_path / "home" / pack.places[1])
    monkeypatch.setenv(pack.variable, str(tmp_path / "work"))
    with pytest.raises(FileError, match=f"holds no {pack.nodes_folder}"):
        hostpacks.install(pack, None)


def test_a_missing_host_is_refused_in_words(pack, tmp_path):
    with pytest.raises(FileError, match=f"{pack.title} was not found.*ganplugin install {pack.host} PATH"):
        hostpacks.install(pack, None)
    with pytest.raises(FileError, match=f"no folder of {pack.title}: it holds no {pack.nodes_folder}"):
        hostpacks.install(pack, tmp_path / "work")
    assert contents(tmp_path) == {}


def test_a_second_run_touches_nothing(pack, tmp_path):
    host_at(pack, tmp_path / "host")
    folder = hostpacks.install(pack, tmp_path / "host")
    for path in folder.rglob("*"):
        os.utime(path, ns=(1, 1))
    hostpacks.install(pack, tmp_path / "host")
    assert set(times(folder)) == {1}


def test_a_changed_file_alone_is_brought_up_to_date(pack, tmp_path):
    host_at(pack, tmp_path / "host")
    folder = hostpacks.install(pack, tmp_path / "host")
    before = contents(folder)
    for path in folder.rglob("*"):
        os.utime(path, ns=(1, 1))
    changed = next(name for name in before if name != "__init__.py")
    (folder / changed).write_bytes(b"of an older version")
    missing = next(name for name in before if name not in ("__init__.py", changed))
    (folder / missing).unlink()
    hostpacks.install(pack, tmp_path / "host")
    assert contents(folder) == before
    assert sum(time != 1 for time in times(folder)) == 2


def test_what_was_installed_is_taken_away_whole(pack, tmp_path):
    nodes = host_at(pack, tmp_path / "host")
    folder = hostpacks.install(pack, tmp_path / "host")
    compiled = folder / "__pycache__" / "__init__.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"")
    assert hostpacks.uninstall(pack, tmp_path / "host") == folder
    assert list(nodes.iterdir()) == []
    assert hostpacks.uninstall(pack, tmp_path / "host") is None


def test_files_of_others_stay_when_the_pack_goes(pack, tmp_path):
    host_at(pack, tmp_path / "host")
    folder = hostpacks.install(pack, tmp_path / "host")
    theirs = {f"{pack.data[0]}/own/notes.md", "settings.json"}
    for name in theirs:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("mine")
    hostpacks.uninstall(pack, tmp_path / "host")
    assert set(contents(folder)) == theirs


@pytest.mark.parametrize("code", ["print('mine')\n", None])
def test_somebody_elses_folder_of_our_name_is_refused(pack, code, tmp_path):
    theirs = host_at(pack, tmp_path / "host") / pack.folder
    theirs.mkdir()
    (theirs / "notes.md").write_text("mine")
    if code is not None:
        (theirs / "__init__.py").write_text(code)
    before = contents(theirs)
    for act in (hostpacks.install, hostpacks.uninstall):
        with pytest.raises(FileError, match="is not ours"):
            act(pack, tmp_path / "host")
    assert contents(theirs) == before


def test_a_file_of_our_name_is_refused(pack, tmp_path):
    (host_at(pack, tmp_path / "host") / pack.folder).write_text("mine")
    with pytest.raises(FileError, match="is not ours"):
        hostpacks.install(pack, tmp_path / "host")


def test_an_empty_folder_of_our_name_is_taken(pack, tmp_path):
    folder = host_at(pack, tmp_path / "host") / pack.folder
    folder.mkdir()
    hostpacks.install(pack, tmp_path / "host")
    assert (folder / "__init__.py").is_file()


@pytest.mark.parametrize(
    "place",
    ["host/venv/bin/python", "host/.venv/bin/python", "host/venv/Scripts/python.exe", "python_embeded/python.exe"],
)
def test_the_python_that_a_host_brings_is_found(pack, place, tmp_path):
    nodes = host_at(pack, tmp_path / "host")
    assert hostpacks.python_of(pack, nodes) is None
    python = tmp_path / place
    python.parent.mkdir(parents=True)
    python.write_bytes(b"")
    assert hostpacks.python_of(pack, nodes) == python


def test_a_host_that_runs_this_python_brings_no_other(pack, tmp_path, monkeypatch):
    nodes = host_at(pack, tmp_path / "host")
    python = tmp_path / "host" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_bytes(b"")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "host" / "venv"))
    assert hostpacks.python_of(pack, nodes) is None
