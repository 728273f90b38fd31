"""A Ray cluster of several nodes, all of them processes of this machine that talk over loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.series.conftest import home, models

__all__ = ["home", "models"]

ROOT = Path(__file__).resolve().parent.parent.parent
# Not 127.0.0.1, in place of which Ray takes the address that other machines know.
LOOPBACK = "127.0.0.2"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[Any]:
    """A head without processors and two nodes with one each. Whoever takes a node away puts another in its place."""
    pytest.importorskip("ray", reason="Ray is not installed: make test-cluster installs it")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Workers find the tests' own nodes, and keep what they fetch in a place of this run.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    os.environ["GANPLUGIN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **node_options()})
    for _ in range(2):
        add_node(made)
    ray.init(made.address, _node_ip_address=LOOPBACK, log_to_driver=False, logging_level="CRITICAL")
    yield made
    ray.shutdown()
    made.shutdown()


def node_options() -> dict[str, Any]:
    return {"node_ip_address": LOOPBACK, "object_store_memory": 100 * 2**20}


def add_node(cluster: Any) -> Any:
    """Add a node with one processor; return it."""
    return cluster.add_node(num_cpus=1, **node_options())
