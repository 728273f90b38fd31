"""What holds for every test."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, and no verdict that depends on how busy the machine is.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: raise if this process opens a connection to another machine."""
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise RuntimeError(f"a test opened a network connection to {address[0]}")


@pytest.fixture(scope="session", autouse=True)
def no_network() -> None:
    """Let no test reach the network from this process; an audit hook stays until the process ends."""
    sys.addaudithook(refuse_network)
