"""What export and inspect cost as whole processes: ``python -m benchmarks.cost [--json]``.

Prints the seconds (wall and CPU) and the peak memory of ``ganplugin export`` of a full-width StyleGAN2 of 256 pixels,
proof included, and of ``ganplugin inspect`` of a checkpoint of 380 MB (generator, average and discriminator of 1024
pixels), beside a process that only imports torch. The memory is that of the largest single process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from benchmarks.stylegan2 import WIDTHS
from tests.models.stylegan2_reference import discriminator_state, generator_state, mapping_state

LARGE = (512, 512, 512, 512, 512, 256, 128, 64, 32)
"""Channels from 4 to 1024 pixels."""


def generator(widths: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Return a state dict with random weights."""
    return mapping_state(512, 512, depth=8) | generator_state("skip", widths, w_dim=512)


def write_files(folder: Path) -> tuple[Path, Path]:
    """Write the checkpoint to export and the one to inspect, and return their paths."""
    torch.manual_seed(0)
    small, large = folder / "stylegan2-256.pt", folder / "stylegan2-1024.pt"
    torch.save({"G_ema": generator(WIDTHS)}, small)
    discriminator = discriminator_state("resnet", tuple(reversed(LARGE)))
    torch.save({"G_ema": generator(LARGE), "G": generator(LARGE), "D": discriminator}, large)
    return small, large


def cost(*command: str) -> dict[str, float]:
    """Run a program and return its seconds, its CPU seconds and its peak memory in MiB, children included."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "CPU seconds": used.ru_utime + used.ru_stime, "MiB": used.ru_maxrss / 1024}


def measure() -> Mapping[str, Mapping[str, float]]:
    """Return every cost by name."""
    with tempfile.TemporaryDirectory() as folder:
        # In another process: a child's peak is never below what its parent held when it began.
        with ProcessPoolExecutor(max_workers=1) as apart:
            small, large = apart.submit(write_files, Path(folder)).result()
        return {
            "import torch": cost("-c", "import torch"),
            f"inspect, {large.stat().st_size / 1e6:.0f} MB": cost("-m", "ganplugin", "inspect", str(large), "--json"),
            "export, 256 pixels": cost("-m", "ganplugin", "export", str(small), "--json"),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure()
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for name, figures in found.items():
        print(f"{name:24}", *(f"{value:8.1f} {unit}" for unit, value in figures.items()))


if __name__ == "__main__":
    main()
