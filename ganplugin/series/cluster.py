"""A Ray cluster: joined where there is one, else started on this machine, always quietly."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ganplugin.errors import DependencyError, FileError, InputError

__all__ = ["Cluster", "Resources"]

_START_HERE: Final = "local"
_KNOCK_SECONDS: Final = 5.0
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Else it prints pages to standard output when a node goes away, which we say in a line.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}
"""What Ray reads when it is imported or starts something; whoever set one of them knows better."""


@dataclass(frozen=True)
class Resources:
    """What one worker takes of its node: processor cores, and a part of a GPU."""

    cpus: int
    gpus: float = 0.0


@dataclass(frozen=True)
class Cluster:
    """A connection of this process, which lasts until the process ends or Ray is shut down."""

    ray: Any

    @classmethod
    def joined(cls, address: str = "") -> Cluster:
        """Connect to ``address``: ``auto``, ``HOST:6379``, ``ray://HOST:10001``, or ``local`` to start one here.

        Without an address that is what ``RAY_ADDRESS`` names, else a cluster that runs on this machine, else a new one.
        A process has one connection: if there is one already, it is used.
        Raises `DependencyError` if Ray is not installed, `FileError` if nothing answers.
        """
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        try:
            import ray
        except ImportError as error:
            raise DependencyError("Ray is not installed", fix="pip install 'ganplugin[ray]'") from error
        cluster = cls(ray)
        if not ray.is_initialized():
            cluster._connect(address)
        return cluster

    def _connect(self, address: str) -> None:
        wanted = address or os.environ.get("RAY_ADDRESS", "")
        if not wanted and not _answers(_latest()):
            self._init(_START_HERE)
            return
        if wanted != _START_HERE and not _answers(_latest() if wanted in ("", "auto") else wanted):
            raise _silent(wanted)  # Ray itself would wait for minutes
        try:
            self._init(wanted or "auto")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise _silent(wanted) from error

    def _init(self, address: str) -> None:
        here = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"} if address == _START_HERE else {}
        logging.getLogger("ray").setLevel(logging.CRITICAL)  # before it reads the arguments: some of them it logs
        self.ray.init(address, logging_level=logging.CRITICAL, log_to_driver=False, **here)

    def worker_resources(self, device: str, threads: int, gpus: float | None) -> tuple[str, Resources]:
        """Return the device that workers render on, and what each takes of its node.

        ``auto`` takes GPUs where the cluster has any. A worker of a GPU takes a whole one unless ``gpus`` says less.
        """
        if device == "auto":
            has_gpus = self.ray.cluster_resources().get("GPU", 0) > 0
            device = "cuda" if (has_gpus if gpus is None else gpus > 0) else "cpu"
        if device == "cpu":
            return device, Resources(threads)
        return device, Resources(threads, 1.0 if gpus is None else gpus)

    def room(self, resources: Resources) -> int:
        """Return how many workers the cluster has room for. Raises `InputError` if there is none on any node.

        A cluster that grows when it is asked to may have none yet: then name a number of workers.
        """
        free = sum(_fit(node["Resources"], resources) for node in self.ray.nodes() if node["Alive"])
        if not free:
            gpus = f" and {resources.gpus:g} GPU" if resources.gpus else ""
            raise InputError(
                f"no node of the cluster has {resources.cpus} CPUs{gpus} for a worker",
                fix="lower --threads or --gpu-fraction; on a cluster that grows by itself, say how many --workers",
            )
        return free

    def is_alive(self, node: str) -> bool:
        """Tell whether the cluster still counts on a node."""
        return any(found["NodeID"] == node and found["Alive"] for found in self.ray.nodes())


def _silent(address: str) -> FileError:
    return FileError(
        "no Ray cluster answers",
        where=address,
        fix="check the address, and that the cluster has the same versions of Ray and Python",
    )


def _latest() -> str:
    """Return the address of the cluster that was last started on this machine, as Ray notes it; it may be gone."""
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    with contextlib.suppress(OSError):
        return (Path(folder) / "ray" / "ray_current_cluster").read_text().strip()
    return ""


def _answers(address: str) -> bool:
    """Tell whether anything listens at ``HOST:PORT`` or ``ray://HOST:PORT``."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return False
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), _KNOCK_SECONDS):
        return True
    return False


def _fit(has: dict[str, float], wants: Resources) -> int:
    by_cpu = int(has.get("CPU", 0) // wants.cpus)
    return min(by_cpu, int(has.get("GPU", 0) / wants.gpus + 1e-9)) if wants.gpus else by_cpu
