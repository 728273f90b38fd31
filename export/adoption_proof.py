"""The proof of an adoption: the model file computes what the original file computes, on every kind of input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ganplugin.errors import CheckpointError, ExportError, ModelError
from ganplugin.export.cases import Array, cases, check_scale
from ganplugin.export.comparison import SINGLE, Comparison
from ganplugin.export.plan import Plan
from ganplugin.export.trial import Trial
from ganplugin.isolated import IsolatedSession
from ganplugin.manifest import Manifest, Verification
from ganplugin.models.network import GraphInput, Network
from ganplugin.sessions import load_onnxruntime

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["prove"]


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
    comparison = Comparison(manifest.kind, SINGLE, "the original")
    try:
        with IsolatedSession(draft) as session:
            for done, case in enumerate(compared, start=1):
                session.begin(case.feeds, stand_in.outputs)
                wanted = trial.compute(plan, {**_defaults(stand_in), **case.feeds})
                returned = session.finish()
                for name, found in returned.items():
                    comparison.add(case.label, name, found.astype(np.float32), wanted)
                check_scale(stand_in, case, returned)
                progress(done, len(compared))
        comparison.check_alive()
    except (ModelError, CheckpointError) as error:
        raise ExportError(f"the adopted model {error.what}", where=plan.foreign.path) from error
    except ExportError as error:
        raise ExportError(error.what, where=plan.foreign.path) from error
    return comparison.verification(len(compared), f"the original file in onnxruntime {load_onnxruntime().__version__}")


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
