"""The proof of an adoption: the model file computes what the original file computes, on every kind of input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ganplugin.errors import ExportError, GanPluginError
from ganplugin.export.cases import Array, Case, cases, check_scale
from ganplugin.export.plan import Plan
from ganplugin.export.trial import Trial
from ganplugin.export.verify import TOLERANCE
from ganplugin.manifest import Manifest, Verification
from ganplugin.models.network import GraphInput, Network
from ganplugin.runtime import Model, RuntimeOptions, forget_models, open_model
from ganplugin.sessions import load_onnxruntime

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["prove"]

_FLAT = 1e-4


def prove(
    draft: Path,
    proto: ModelProto,
    manifest: Manifest,
    plan: Plan,
    trial: Trial,
    progress: Callable[[int, int], None],
) -> Verification:
    """Compare the model file ``draft`` with the original on every case and return the figures.

    Raises `ExportError` that says which case differs and by how much, or that the output is constant.
    """
    stand_in = _stand_in(proto, manifest)
    compared = [case for case in cases(stand_in) if not case.outputs]
    errors, spread = [], 0.0
    try:
        model = open_model(draft, RuntimeOptions(device="cpu"))
        for done, case in enumerate(compared, start=1):
            wanted = trial.compute(plan, {**_defaults(stand_in), **case.feeds})
            found = _computed(model, case, stand_in.outputs[0])
            errors.append(_difference(case, found, wanted, is_picture=manifest.kind != "scorer"))
            check_scale(stand_in, case, {stand_in.outputs[0]: found})
            spread = max(spread, float(np.ptp(wanted)))
            progress(done, len(compared))
    except ExportError:
        raise
    except GanPluginError as error:
        raise ExportError(f"the adopted model fails: {error.what}", where=plan.foreign.path) from error
    finally:
        forget_models()
    if spread < _FLAT:
        raise ExportError("it returns the same for every input", where=plan.foreign.path)
    version = str(load_onnxruntime().__version__)
    return Verification(
        max_error=max(errors),
        tolerance=TOLERANCE,
        cases=len(compared),
        runtime=version,
        reference=f"the original file in onnxruntime {version}",
    )


def _stand_in(proto: ModelProto, manifest: Manifest) -> Network:
    """The adopted graph's inputs as `cases` knows them; there is no module, since the original is the reference."""
    from onnx import numpy_helper

    defaults = {tensor.name: tensor for tensor in proto.graph.initializer}
    inputs = []
    for value in proto.graph.input:
        axes = value.type.tensor_type.shape.dim
        shape = tuple(axis.dim_value if axis.HasField("dim_value") else axis.dim_param for axis in axes)
        default = defaults.get(value.name)
        tensor = None if default is None else torch.from_numpy(numpy_helper.to_array(default).copy())
        inputs.append(GraphInput(value.name, shape, tensor))
    facts = {
        "size_multiple": manifest.size_multiple,
        "minimum_size": manifest.minimum_size,
        "scale": manifest.scale,
    }
    outputs = tuple(value.name for value in proto.graph.output)
    return Network(manifest.kind, nn.Identity(), tuple(inputs), outputs, facts)


def _defaults(network: Network) -> dict[str, Array]:
    return {given.name: given.default.numpy() for given in network.inputs if given.default is not None}


def _computed(model: Model, case: Case, output: str) -> Array:
    return model.run(case.feeds, [output])[output]


def _difference(case: Case, found: Array, wanted: Array, *, is_picture: bool) -> float:
    if found.shape != wanted.shape:
        raise ExportError(f"on {case.label}, the shape is {found.shape} instead of {wanted.shape}")
    if not (np.isfinite(found).all() and np.isfinite(wanted).all()):
        raise ExportError(f"on {case.label}, there are values that are not finite")
    scale = 1.0 if is_picture else max(1.0, float(np.abs(wanted).max(initial=0)))
    error = float(np.abs(found - wanted).max(initial=0)) / scale
    if error > TOLERANCE:
        raise ExportError(
            f"on {case.label}, it differs from the original by {error:.2g} (at most {TOLERANCE:g} may be)"
        )
    return error
