"""Every family, exported, against PyTorch with the same network: ``python -m benchmarks.families [--json] [NAME ...]``.

Prints how many times faster onnxruntime is than PyTorch's eager mode with our own network, timed in turn at batch 1 and
at widths that people train. Weights are random: they do not change the speed. ``--devices cpu openvino`` adds a column
for every device that is installed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.networks import TITLES, network_of
from benchmarks.pairs import in_turn, machine
from benchmarks.sessions import session_of
from ganplugin.errors import DependencyError
from ganplugin.models.network import Network

THREADS = 2
SIDE = 256
"""Of the pictures that style networks get."""


def feeds_of(network: Network, side: int) -> dict[str, NDArray[np.float32]]:
    """Return one row of the required inputs."""
    random = np.random.RandomState(0)
    found = {}
    for port in network.inputs:
        if port.default is None:
            free = iter((1, side, side))
            shape = [axis if isinstance(axis, int) else next(free) for axis in port.shape]
            found[port.name] = (random.rand(*shape) if len(shape) == 4 else random.randn(*shape)).astype(np.float32)
    return found


def measure(title: str, rounds: int, devices: list[str]) -> dict[str, float]:
    """Return how many times faster each device is than PyTorch."""
    network = network_of(title)
    feeds = feeds_of(network, SIDE)
    given = [torch.from_numpy(feeds[port.name]) if port.default is None else port.default for port in network.inputs]

    def eager() -> object:
        with torch.inference_mode():
            return network.module(*given)

    actions: dict[str, Callable[[], object]] = {"eager": eager}
    for device in devices:
        run = session_of(network, device, THREADS)
        actions[device] = lambda run=run: run(feeds)  # type: ignore[misc]
    timing = in_turn(actions, rounds, warm_up=2)
    return {device: timing.ratio("eager", device) for device in devices}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="titles to measure (default: all)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--devices", nargs="+", default=["cpu"])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(THREADS)
    found = {}
    for title in given.names or TITLES:
        try:
            found[title] = measure(title, given.rounds, given.devices)
        except DependencyError as error:
            print(f"{title}: left out: {error}", file=sys.stderr)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(machine(THREADS))
    for title, ratios in found.items():
        print(f"{title:42}", *(f"{device} {ratio:.2f}" for device, ratio in ratios.items()))


if __name__ == "__main__":
    main()
