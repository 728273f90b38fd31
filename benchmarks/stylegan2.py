"""A full-width StyleGAN2 of 256 pixels, exported, against PyTorch: ``python -m benchmarks.stylegan2 [--json]``.

Prints how many times faster onnxruntime renders than PyTorch with grouped modulated convolution (as the projects run
it) and than PyTorch with our own network, at batch 1 and 4, and which share of the machine's matrix-multiply rate
onnxruntime reaches. All are timed in turn, and weights are random: they do not change the speed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gemm import FLOP, multiplication
from benchmarks.grouped_stylegan2 import GroupedSynthesis
from benchmarks.pairs import in_turn, machine
from benchmarks.sessions import session_of
from ganplugin.models.network import Network
from ganplugin.models.stylegan2 import rebuild
from tests.models.stylegan2_reference import generator_state, mapping_state

THREADS = 2
WIDTHS = (512, 512, 512, 512, 512, 256, 128)
"""Channels from 4 to 256 pixels, as NVIDIA's configuration for that size has them."""

Action = Callable[[], object]


def network() -> tuple[Network, dict[str, torch.Tensor]]:
    """Return the network and the state dict that it is made from."""
    torch.manual_seed(0)
    state = mapping_state(512, 512, depth=8) | generator_state("skip", WIDTHS, w_dim=512)
    return rebuild(state, {}), state


def actions(batch: int, device: str) -> tuple[Mapping[str, Action], float]:
    """Return what is timed, by name, and the floating point operations of one of our runs."""
    own, state = network()
    session, grouped = session_of(own, device, THREADS), GroupedSynthesis(state)
    z = np.random.RandomState(0).randn(batch, 512).astype(np.float32)
    given = [torch.from_numpy(z) if port.default is None else port.default for port in own.inputs]
    with torch.inference_mode():
        ws = own.module(*given)[1]
        with FlopCounterMode(display=False) as counter:
            picture = own.module(*given)[0]
    check(session({"z": z}), picture, grouped(ws))

    def eager() -> object:
        with torch.inference_mode():
            return own.module(*given)

    timed = {
        "onnxruntime": lambda: session({"z": z}),
        "grouped": lambda: grouped(ws),
        "own": eager,
        "gemm": multiplication(),
    }
    return timed, float(counter.get_total_flops())


def check(found: NDArray[np.float32], own: torch.Tensor, grouped: torch.Tensor) -> None:
    """Stop if the three do not make the same pictures."""
    for name, other in (("our network", own), ("the grouped network", (grouped * 0.5 + 0.5).clamp(0, 1))):
        difference = float(np.abs(found - other.numpy()).max())
        if difference > 1e-3:
            raise SystemExit(f"onnxruntime and {name} differ by {difference:.2g}: nothing to compare")


def measure(batch: int, rounds: int, device: str) -> dict[str, float]:
    """Return the ratios at one batch size."""
    timed, flop = actions(batch, device)
    timing = in_turn(timed, rounds)
    rate, ceiling = flop / timing.seconds("onnxruntime"), FLOP / timing.seconds("gemm")
    return {
        "against grouped eager": timing.ratio("grouped", "onnxruntime"),
        "against own eager": timing.ratio("own", "onnxruntime"),
        "share of matrix-multiply rate": rate / ceiling,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(THREADS)
    found = {f"batch {batch}": measure(batch, given.rounds, given.device) for batch in (1, 4)}
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(machine(THREADS))
    for batch, ratios in found.items():
        print(batch, *(f"{name} {value:.2f}" for name, value in ratios.items()), sep="\t")


if __name__ == "__main__":
    main()
