"""Which cluster is joined, and what workers take of it, told by a stand-in for Ray."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from ganplugin.errors import FileError
from ganplugin.series.cluster import Cluster, Resources


class StandIn:
    """As much of Ray as connecting needs; ``broken`` clusters answer and do not let anyone in."""

    def __init__(self, *, broken: bool = False, gpus: float = 0, nodes: tuple[dict[str, float], ...] = ()) -> None:
        self.joined: list[str] = []
        self.broken, self.gpus, self.has = broken, gpus, nodes

    def init(self, address: str, **options: object) -> None:
        if self.broken:
            raise ConnectionError("versions differ")
        self.joined.append(address)

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 8.0, "GPU": self.gpus} if self.gpus else {"CPU": 8.0}

    def nodes(self) -> list[dict[str, object]]:
        return [{"NodeID": str(number), "Alive": True, "Resources": has} for number, has in enumerate(self.has)]


@pytest.fixture
def server():
    """Give the address of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """Note an address as that of the cluster that was last started here."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def note(address: str) -> None:
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "ray_current_cluster").write_text(address)

    return note


def joined(address: str = "", **options) -> list[str]:
    ray = StandIn(**options)
    Cluster(ray)._connect(address)
    return ray.joined


def test_without_an_address_and_a_cluster_one_is_started_here(noted):
    assert joined() == ["local"]


def test_a_cluster_that_is_gone_is_not_waited_for(noted):
    noted("127.0.0.1:1")
    assert joined() == ["local"]
    with pytest.raises(FileError, match="auto: no Ray cluster answers"):
        joined("auto")


def test_a_cluster_that_runs_here_is_joined(noted, server):
    noted(server)
    assert joined() == joined("auto") == ["auto"]
    assert joined("local") == ["local"]


def test_the_environment_names_a_cluster(noted, server, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", server)
    assert joined() == [server]
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(FileError, match="no Ray cluster answers"):
        joined()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere", "nowhere:"])
def test_an_address_where_nobody_listens_is_told_at_once(noted, address):
    with pytest.raises(FileError, match=f"{address}: no Ray cluster answers"):
        joined(address)


def test_a_cluster_that_refuses_is_told(noted, server):
    assert joined(f"ray://{server}") == [f"ray://{server}"]
    with pytest.raises(FileError, match="same versions"):
        joined(server, broken=True)


@pytest.mark.parametrize(
    ("device", "gpus", "fraction", "expected"),
    [
        ("auto", 0, None, ("cpu", Resources(2))),
        ("auto", 4, None, ("cuda", Resources(2, 1.0))),
        ("auto", 4, 0.5, ("cuda", Resources(2, 0.5))),
        ("auto", 4, 0, ("cpu", Resources(2))),
        ("cpu", 4, None, ("cpu", Resources(2))),
        ("tensorrt", 4, None, ("tensorrt", Resources(2, 1.0))),
    ],
)
def test_workers_take_gpus_where_there_are_any(device, gpus, fraction, expected):
    assert Cluster(StandIn(gpus=gpus)).worker_resources(device, 2, fraction) == expected


def test_room_is_counted_node_by_node():
    nodes = ({"CPU": 7.0, "GPU": 1.0}, {"CPU": 16.0, "GPU": 2.0}, {"memory": 1.0})
    cluster = Cluster(StandIn(nodes=nodes))
    assert cluster.room(Resources(4)) == 5
    assert cluster.room(Resources(4, 1.0)) == 3
    assert cluster.room(Resources(2, 0.5)) == 6
    assert cluster.room(Resources(1, 2.0)) == 1


def test_a_node_is_alive_while_the_cluster_says_so():
    ray = StandIn(nodes=({"CPU": 1.0},))
    assert Cluster(ray).is_alive("0")
    assert not Cluster(ray).is_alive("1")
    gone = SimpleNamespace(nodes=lambda: [{"NodeID": "0", "Alive": False, "Resources": {}}])
    assert not Cluster(gone).is_alive("0")
