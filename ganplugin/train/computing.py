"""How a training computes, as the command line says it: what all kinds of training begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from ganplugin.train.precision import choose_device
from ganplugin.train.run_file import as_before
from ganplugin.train.workers import ALONE, Workers, launched

__all__ = ["Computing"]


@dataclass(frozen=True)
class Computing:
    """Where, how exactly and in how many processes: ``devices`` GPUs or processes on each of ``nodes`` machines.

    ``auto`` is decided by what the machine has, and where that leaves a choice, by measuring. Without ``threads`` a CPU
    is used whole. ``compiled`` asks to try whether compiled networks are faster.
    """

    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    layout: Literal["auto", "plain", "channels-last"] = "auto"
    devices: int = 1
    nodes: int = 1
    compiled: bool = False

    def begin(self) -> torch.device:
        """Hold torch to the threads that were asked for and return the device; raises what `choose_device` does."""
        if self.threads:
            torch.set_num_threads(self.threads)
        return choose_device(self.device)

    def workers(self, device: torch.device) -> Workers:
        """Return the processes of this run, started where they are not yet; raises what `launched` does."""
        if self.devices * self.nodes == 1:
            return ALONE
        return launched(devices=self.devices, nodes=self.nodes, accelerator=device.type)

    def ways(self, before: Mapping[str, object]) -> tuple[str, str]:
        """Return precision and layout: as asked, or where that was left open, as a run computed ``before``."""
        return as_before(before, "precision", self.precision), as_before(before, "layout", self.layout)
