"""From the network's planes to 8-bit rows, three ways, in turn: ``python -m benchmarks.conversion [--json]``.

Prints CPU milliseconds a picture and their ratio to the first way: float rows that are rounded afterwards (how it was
done), rows rounded in blocks that stay in a core's cache (how it is done on the CPU), and ONNX nodes behind the network
(how it is done where pictures leave a GPU).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ganplugin.conversion import conversion_model
from ganplugin.levels import lay_levels, to_uint8
from ganplugin.sessions import load_onnxruntime

Planes = NDArray[np.float32]
Way = Callable[[Planes], NDArray[np.uint8]]


def afterwards(planes: Planes) -> NDArray[np.uint8]:
    """Turn floats into rows, then round picture after picture."""
    rows = np.empty((len(planes), *planes.shape[2:], planes.shape[1]), np.float32)
    rows[...] = planes.transpose(0, 2, 3, 1)
    return np.stack([to_uint8(picture) for picture in rows])


def in_blocks(planes: Planes) -> NDArray[np.uint8]:
    """Round block after block."""
    levels = np.empty((len(planes), *planes.shape[2:], planes.shape[1]), np.uint8)
    lay_levels(planes, levels)
    return levels


def in_a_graph(threads: int) -> Way:
    """Return the conversion by onnxruntime."""
    runtime = load_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = runtime.InferenceSession(conversion_model(), options, providers=["CPUExecutionProvider"])

    def run(planes: Planes) -> NDArray[np.uint8]:
        levels: NDArray[np.uint8] = session.run(["levels", "flaw"], {"image": planes})[0]
        return levels

    return run


def measure(side: int, threads: int, rounds: int) -> dict[str, float]:
    """Return the median CPU milliseconds a picture of every way."""
    count = max(1, 2**21 // side**2)
    planes = np.random.default_rng(0).random((count, 3, side, side), np.float32)
    ways: dict[str, Way] = {"afterwards": afterwards, "in blocks": in_blocks, "in a graph": in_a_graph(threads)}
    expected = afterwards(planes)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time()
            found = way(planes)
            times[name].append(1000 * (time.process_time() - start) / count)
            if not np.array_equal(found, expected):
                raise SystemExit(f"{name} gives other levels")
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {
        f"{side} px, {threads} threads": measure(side, threads, given.rounds)
        for side in (256, 1024)
        for threads in (1, 2)
    }
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for title, ways in found.items():
        first = ways["afterwards"]
        print(f"{title:20}", *(f"{name} {value:6.2f} ms ({value / first:.2f})" for name, value in ways.items()))


if __name__ == "__main__":
    main()
