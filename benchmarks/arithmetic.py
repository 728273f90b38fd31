"""What a picture costs a network on paper: ``python -m benchmarks.arithmetic [--gpu FP32 MEMORY PCIE] [NAME ...]``.

Counts, for every family at batch 1, the floating point operations of convolutions and matrix products (a multiply-add
is two), the bytes of weights in the exported graph, and the bytes of the results of those operations, float32. From
the three public figures of a GPU (TFLOP/s of plain float32, GB/s of its memory, GB/s of its PCIe link) follow pictures
a second that nothing can exceed: nothing here was measured on a GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.families import SIDE, feeds_of
from benchmarks.networks import TITLES, network_of
from ganplugin.export.convert import convert
from ganplugin.models.network import Network

NAMED = (
    "StyleGAN2 256 (NVIDIA)",
    "StyleGAN3-T 64",
    "R3GAN 64",
    "FastGAN 256",
    "lightweight-gan 256",
    "DCGAN 64",
    "CycleGAN",
    "fast neural style",
    "AdaIN",
    "ganplugin quick 64",
    "ganplugin style",
)
"""The main families; every other one can be named."""

_PRODUCTS: Final = frozenset({"convolution", "_convolution", "mm", "addmm", "bmm", "baddbmm"})


@dataclass(frozen=True)
class Cost:
    """One picture: operations, and bytes of weights, of results of products, and of the picture as float32."""

    operations: int
    weights: int
    written: int
    picture: int

    def bounds(self, tflops: float, memory: float, pcie: float) -> dict[str, float]:
        """Return the most pictures a second for arithmetic, memory, and the link with float32 and with 8 bits.

        Even where all else is fused, what a convolution gives is written once and read once; in large batches, weights
        are read once for all pictures.
        """
        return {
            "arithmetic": tflops * 1e12 / self.operations,
            "memory": memory * 1e9 / (2 * self.written),
            "PCIe, float32": pcie * 1e9 / self.picture,
            "PCIe, 8 bits": pcie * 1e9 / (self.picture / 4),
        }


class _Results(TorchDispatchMode):
    """Sums up the bytes that convolutions and matrix products give."""

    written = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in _PRODUCTS and isinstance(result, Tensor):
            self.written += result.numel() * result.element_size()
        return result


def cost_of(network: Network) -> Cost:
    """Run a network once and count."""
    feeds = feeds_of(network, SIDE)
    given = [torch.from_numpy(feeds[port.name]) if port.default is None else port.default for port in network.inputs]
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        results = network.module(*given)
    with torch.no_grad(), _Results() as products:  # where inference mode would show whole layers
        network.module(*given)
    first = results[0] if isinstance(results, (tuple, list)) else results
    weights = sum(len(tensor.raw_data) for tensor in convert(network).graph.initializer)
    return Cost(counter.get_total_flops(), weights, products.written, first.numel() * 4)


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=NAMED)
    parser.add_argument("--gpu", nargs=3, type=float, metavar=("FP32", "MEMORY", "PCIE"), help="TFLOP/s, GB/s, GB/s")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if unknown := set(given.names) - set(TITLES):
        sys.exit(f"no such network: {', '.join(sorted(unknown))}")
    found = {name: cost_of(network_of(name)) for name in given.names}
    if given.json:
        print(json.dumps({name: asdict(cost) for name, cost in found.items()}, indent=2))
        return
    for name, cost in found.items():
        figures = (
            cost.operations / 1e9,
            cost.weights / 1e6,
            cost.written / 1e6,
            cost.picture / 1e6,
            cost.picture / 4e6,
        )
        bounds = cost.bounds(*given.gpu) if given.gpu else {}
        shown = [f"{value:.3g}" for value in figures] + [f"{math.floor(value):,}" for value in bounds.values()]
        print(f"| {name} |", " | ".join(shown), "|")


if __name__ == "__main__":
    main()
