"""The proof: the file, opened by onnxruntime in another process, computes what the network in PyTorch computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from ganplugin.errors import ExportError, ModelError
from ganplugin.export.cases import Array, Case, cases, check_scale
from ganplugin.export.comparison import SINGLE, Bar, Comparison
from ganplugin.isolated import IsolatedSession
from ganplugin.manifest import Verification
from ganplugin.models.network import Network

__all__ = ["Progress", "reference", "verify"]

Progress = Callable[[int, int], None]


def verify(path: Path, network: Network, *, bar: Bar = SINGLE, progress: Progress | None = None) -> Verification:
    """Compare the model file at ``path`` with ``network`` on every case and return the figures.

    Raises `ExportError` that says which case and which output differ and by how much, that the same input gives
    different bytes, that the pictures are flat, or how onnxruntime failed.
    """
    compared = list(cases(network))
    comparison = Comparison(network.kind, bar, "PyTorch")
    try:
        with IsolatedSession(path) as session:
            _check_repeats(session, network, compared[0])
            for done, case in enumerate(compared, start=1):
                session.begin(case.feeds, case.outputs or network.outputs)
                wanted = reference(network, case)
                returned = session.finish()
                for name, found in returned.items():
                    comparison.add(case.label, name, found.astype(np.float32), wanted[name])
                check_scale(network, case, returned)
                if progress is not None:
                    progress(done, len(compared))
    except ModelError as error:
        raise ExportError(f"what was converted {error.what}") from error
    comparison.check_alive()
    return comparison.verification(len(compared), str(torch.__version__))


def _check_repeats(session: IsolatedSession, network: Network, case: Case) -> None:
    first, second = (session.run(case.feeds, network.outputs) for _ in range(2))
    for name in network.outputs:
        if first[name].tobytes() != second[name].tobytes():
            raise ExportError(f"the same input twice gives a different {name}")


def reference(network: Network, case: Case) -> Mapping[str, Array]:
    """Return what the network computes in PyTorch, every output by its name."""
    values = [
        torch.from_numpy(np.asarray(case.feeds[given.name])) if given.name in case.feeds else given.default
        for given in network.inputs
    ]
    with torch.no_grad():
        results = network.module(*values)
    outputs = results if isinstance(results, (tuple, list)) else (results,)
    return {name: output.numpy() for name, output in zip(network.outputs, outputs, strict=True)}
