"""``ganplugin install``: what it says, and what it leaves on disk."""

from __future__ import annotations

import json

import pytest

from ganplugin.cli.install import command
from ganplugin.hostpacks import PACKS, pack_files


@pytest.fixture(params=["comfyui"])
def pack(request, here, monkeypatch):
    found = PACKS[request.param]
    monkeypatch.delenv(found.variable, raising=False)
    monkeypatch.setenv("HOME", str(here / "empty"))
    monkeypatch.setenv("USERPROFILE", str(here / "empty"))
    return found


@pytest.fixture
def nodes(pack, here):
    """The folder of packs of a host called ``host``."""
    folder = here / "host" / pack.nodes_folder
    folder.mkdir(parents=True)
    return folder


def test_the_hosts_that_can_be_named_are_those_with_a_pack():
    (host,) = (parameter for parameter in command.params if parameter.name == "host")
    assert list(host.type.choices) == [pack.host for pack in PACKS]


def test_installing_says_where_and_what_to_do_next(run, pack, nodes):
    done = run("install", pack.host, nodes.parent)
    assert done.code == 0
    assert done.out == f"{nodes / pack.folder}: ready, start {pack.title} again\n"
    assert all((nodes / pack.folder / name).read_bytes() == data for name, data in pack_files(pack))


def test_a_host_with_its_own_python_is_told_to_install_there(run, pack, nodes):
    python = nodes.parent / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_bytes(b"")
    done = run("install", pack.host, nodes.parent)
    assert done.out.splitlines()[1].endswith(f"{python} -m pip install 'ganplugin[cpu]'")
    assert str(python) not in run("install", pack.host, nodes.parent, "--uninstall").out


def test_uninstalling_says_so_and_a_second_time_that_nothing_was_there(run, pack, nodes):
    run("install", pack.host, nodes.parent)
    done = run("install", pack.host, nodes.parent, "--uninstall")
    assert (done.code, done.out) == (0, f"{nodes / pack.folder}: taken away\n")
    assert list(nodes.iterdir()) == []
    again = run("install", pack.host, nodes.parent, "--uninstall")
    assert (again.code, again.out) == (0, f"{pack.title} has no nodes of ours\n")


def test_the_usual_places_are_searched_from_here(run, pack, here):
    (here / pack.places[1] / pack.nodes_folder).mkdir(parents=True)
    assert run("install", pack.host).code == 0
    assert (here / pack.places[1] / pack.nodes_folder / pack.folder / "__init__.py").is_file()


def test_machines_get_the_folder_and_the_python(run, pack, nodes):
    folder = nodes / pack.folder
    assert json.loads(run("install", pack.host, nodes.parent, "--json").out) == {"folder": str(folder), "python": None}
    python = nodes.parent / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_bytes(b"")
    told = json.loads(run("install", pack.host, nodes.parent, "--json").out)
    assert told == {"folder": str(folder), "python": str(python)}
    run("install", pack.host, nodes.parent, "--uninstall")
    gone = json.loads(run("install", pack.host, nodes.parent, "--uninstall", "--json").out)
    assert gone == {"folder": None, "python": None}


def test_a_missing_host_ends_in_one_line(run, pack, files):
    before = files()
    done = run("install", pack.host, "photos")
    assert done.code != 0
    assert done.err.count("\n") == 1
    assert f"is no folder of {pack.title}: it holds no {pack.nodes_folder}" in done.err
    nowhere = run("install", pack.host)
    assert nowhere.code != 0
    assert f"{pack.title} was not found" in nowhere.err
    assert files() == before


def test_a_folder_of_somebody_else_is_refused(run, pack, nodes, files):
    (nodes / pack.folder).mkdir()
    (nodes / pack.folder / "__init__.py").write_text("print('mine')")
    before = files()
    done = run("install", pack.host, nodes.parent)
    assert done.code != 0
    assert "is not ours" in done.err
    assert files() == before
