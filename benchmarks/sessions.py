"""A network exported and opened as `ganplugin` opens it, for timing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganplugin.export.convert import convert
from ganplugin.manifest import Manifest
from ganplugin.modelfile import write_model
from ganplugin.models.network import Network
from ganplugin.runtime import RuntimeOptions, open_model

__all__ = ["Run", "session_of"]

Array = NDArray[np.float32]
Run = Callable[[Mapping[str, Array]], Array]


def session_of(network: Network, device: str, threads: int) -> Run:
    """Return what runs the exported network and returns its first output."""
    manifest = Manifest.model_validate({"kind": network.kind, "family": "benchmark", "name": "x", **network.facts})
    with tempfile.TemporaryDirectory() as folder:
        path = write_model(convert(network), manifest, Path(folder) / "network.onnx")
        model = open_model(path, RuntimeOptions(device=device, threads=threads))
    first = network.outputs[0]
    return lambda feeds: model.run(feeds, [first])[first]
