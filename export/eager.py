"""A checkpoint's network in PyTorch's eager mode, to time the exported file against."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import matches_of
from ganplugin.export.joint import Joint
from ganplugin.export.known_families import known_families
from ganplugin.export.options import ExportOptions
from ganplugin.export.selection import chosen

__all__ = ["EagerNetwork"]

Array = NDArray[np.float32]


class EagerNetwork:
    """The network that `export_checkpoint` would export, run by PyTorch on ``device`` (``cpu`` or ``cuda``)."""

    def __init__(self, checkpoint: Path, *, scorer: bool = False, device: str = "cpu", threads: int = 2) -> None:
        """Read and rebuild. Raises as `export_checkpoint` does for what is no checkpoint of a known family."""
        families = known_families()
        found = load_checkpoint(checkpoint)
        joint = Joint(found, matches_of(found, families))
        part = "scorer" if scorer else None
        network = chosen(joint, ExportOptions(part=part), families).network
        self._device = torch.device(device if device != "cuda" or torch.cuda.is_available() else "cpu")
        self._inputs = network.inputs
        self._module = network.module.to(self._device)
        self.program = f"PyTorch {torch.__version__} eager, {self._device.type}"
        torch.set_num_threads(threads)

    def run(self, feeds: Mapping[str, Array]) -> Array:
        """Return the first output for these inputs; those that have a default may be left out."""
        values = [torch.from_numpy(feeds[port.name]) if port.name in feeds else port.default for port in self._inputs]
        with torch.inference_mode():
            results = self._module(*(None if value is None else value.to(self._device) for value in values))
        first: torch.Tensor = results[0] if isinstance(results, (tuple, list)) else results
        return np.asarray(first.cpu().numpy(), np.float32)
