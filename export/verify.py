"""The proof: the file, opened again in onnxruntime, computes what the network in PyTorch computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch

from ganplugin.errors import ExportError, GanPluginError
from ganplugin.export.cases import Array, Case, cases, check_scale
from ganplugin.manifest import Verification
from ganplugin.models.network import Network
from ganplugin.runtime import Model, RuntimeOptions, forget_models, open_model

__all__ = ["TOLERANCE", "verify"]

TOLERANCE: Final = 1e-4
"""Largest difference that passes: on the 0..1 scale for pictures, relative to the largest value for w and scores."""

_FLAT: Final = 1e-4

Progress = Callable[[int, int], None]


def verify(path: Path, network: Network, *, progress: Progress | None = None) -> Verification:
    """Compare the model file at ``path`` with ``network`` on every case and return the figures.

    Raises `ExportError` that says which case and which output differ and by how much, or that the pictures are flat.
    """
    compared = list(cases(network))
    errors, firsts = [], []
    model = _open(path)
    for done, case in enumerate(compared, start=1):
        found, wanted = _computed(model, case), _reference(network, case)
        errors += [_difference(case, name, found[name], wanted[name]) for name in found]
        check_scale(network, case, found)
        firsts.append(found.get(network.outputs[0]))
        if progress is not None:
            progress(done, len(compared))
    _check_alive(network, [first for first in firsts if first is not None])
    del model
    forget_models()
    return Verification(
        max_error=max(errors),
        tolerance=TOLERANCE,
        cases=len(compared),
        runtime=_runtime_version(),
        reference=str(torch.__version__),
    )


def _open(path: Path) -> Model:
    try:
        return open_model(path, RuntimeOptions(device="cpu"))
    except GanPluginError as error:
        if error.exit_code == ExportError.exit_code or "install" in (error.fix or ""):
            raise
        raise ExportError(f"onnxruntime cannot open what was converted: {error.what}") from error


def _computed(model: Model, case: Case) -> dict[str, Array]:
    try:
        return model.run(case.feeds, case.outputs or None)
    except GanPluginError as error:
        raise ExportError(f"the converted model fails on {case.label}: {error.what}") from error


def _reference(network: Network, case: Case) -> Mapping[str, Array]:
    values = [
        torch.from_numpy(np.asarray(case.feeds[given.name])) if given.name in case.feeds else given.default
        for given in network.inputs
    ]
    with torch.no_grad():
        results = network.module(*values)
    outputs = results if isinstance(results, (tuple, list)) else (results,)
    return {name: output.numpy() for name, output in zip(network.outputs, outputs, strict=True)}


def _difference(case: Case, name: str, found: Array, wanted: Array) -> float:
    if found.shape != wanted.shape:
        raise ExportError(f"on {case.label}, {name} has the shape {found.shape} instead of {wanted.shape}")
    if not (np.isfinite(found).all() and np.isfinite(wanted).all()):
        raise ExportError(f"on {case.label}, {name} holds values that are not finite")
    scale = 1.0 if name == "image" else max(1.0, float(np.abs(wanted).max(initial=0)))
    error = float(np.abs(found - wanted).max(initial=0)) / scale
    if error > TOLERANCE:
        raise ExportError(f"on {case.label}, {name} differs from PyTorch by {error:.2g} (at most {TOLERANCE:g} may be)")
    return error


def _check_alive(network: Network, results: list[Array]) -> None:
    """A constant output equals its reference and is worth nothing, so it is refused."""
    rows = [row for result in results for row in result]
    spread = max((float(np.ptp(row)) for row in rows), default=0.0)
    if network.kind != "scorer" and spread < _FLAT:
        raise ExportError("its pictures are of one flat colour: the checkpoint is untrained or damaged")
    first = rows[0]
    if all(row.shape == first.shape and np.abs(row - first).max() < 1e-6 for row in rows[1:]):
        raise ExportError("it returns the same for every input: the checkpoint is untrained or damaged")


def _runtime_version() -> str:
    from ganplugin.sessions import load_onnxruntime

    return str(load_onnxruntime().__version__)
