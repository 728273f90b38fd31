"""What the StyleGAN files of NVIDIA's PyTorch code have in common: gains, mapping network, words of the pickle.

Equalised learning rate (Karras et al. 2018) stores weights of unit variance and multiplies them when they are used;
here the gains are multiplied in once. A pickle also says the attributes of every module (`config["modules"]`), which a
state dict does not: where they are there they win over the common defaults.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.fir import fir_kernel
from ganplugin.models.setting import Setting
from ganplugin.models.w_space import ActiveLinear, Linear, MappingNetwork, estimated_centre, linear_layer
from ganplugin.models.weights import Weights

__all__ = [
    "CLAMP",
    "LICENCE",
    "MAPPING_RATE",
    "SLOPE",
    "Mapping2W",
    "affine_of",
    "bounded",
    "demand_activations",
    "fir_of",
    "linear_of",
    "mapping_of",
    "said_number",
    "unused_fir",
]

SLOPE: Final = 0.2
"""Of every leaky ReLU; each is followed by a gain of sqrt(2)."""

LICENCE: Final = (
    "Weights published by NVIDIA are for non-commercial use; weights that others trained follow their makers' terms."
)

MAPPING_RATE: Final = Setting(
    "mapping_lr_multiplier", "learning rate multiplier of the mapping", 0.01, least=1e-6, most=1.0
)
"""Stored weights of the mapping are 1 / multiplier times what is applied."""

CLAMP: Final = Setting("conv_clamp", "clamp of activations (0: none)", 256.0, least=0.0)
"""Where training in half precision clamped the activations. It hardly ever acts."""

_LINEAR: Final = frozenset({"affine", "embed", "out", "skip"})
"""The layers that have no activation."""

_SEPARABLE: Final = 8
"""Filters of so many taps or more are stored as a row."""


def _attributes(config: Mapping[str, object], path: str) -> Mapping[str, object] | None:
    modules = config.get("modules")
    found = modules.get(path) if isinstance(modules, Mapping) else None
    return found if isinstance(found, Mapping) else None


def said_number(setting: Setting, config: Mapping[str, object], path: str, name: str) -> HyperParameter:
    """Return a setting, read from the attribute ``name`` of the module at ``path`` if the file has it.

    An attribute that was None in Python counts as 0. Raises `InputError` for an impossible ``--set``.
    """
    attributes = _attributes(config, path)
    said = None if attributes is None else attributes.get(name, 0.0)
    return setting.read({**config, setting.name: float(said)} if isinstance(said, (int, float)) else config)


def demand_activations(config: Mapping[str, object]) -> None:
    """Raise `CheckpointError` if the file says that a layer has another activation than those that are built here."""
    modules = config.get("modules")
    for path in modules if isinstance(modules, Mapping) else ():
        wanted = "linear" if str(path).rpartition(".")[2] in _LINEAR else "lrelu"
        said = (_attributes(config, path) or {}).get("activation", wanted)
        if said != wanted:
            raise CheckpointError(f"uses the activation {str(said)[:40]} in {path}, which is not supported")


def bounded(x: Tensor, limit: float) -> Tensor:
    """Return x clamped to -limit..limit, or x for a limit of 0."""
    return x.clamp(-limit, limit) if limit else x


def fir_of(weights: Weights, around: Tensor | None = None) -> Tensor:
    """Return the resampling filter [n, n] of a layer or block, by default the one ``around`` it, or 1 3 3 1.

    A stored row stands for its outer product. Raises `CheckpointError` if the filter is not square, or of another size
    than the one around.
    """
    if not weights.has("resample_filter"):
        return fir_kernel() if around is None else around
    kernel = weights.take_any("resample_filter")
    if kernel.ndim == 1 and len(kernel) >= _SEPARABLE:
        kernel = torch.outer(kernel, kernel)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1]:
        raise CheckpointError("has a resampling filter that is not square")
    if around is not None and kernel.shape != around.shape:
        raise CheckpointError("has resampling filters of different sizes")
    return kernel


def unused_fir(weights: Weights) -> None:
    """Take the filter of a layer that does not resample: it is stored too, always as 1 3 3 1, and never applied."""
    if weights.has("resample_filter"):
        weights.take("resample_filter", *fir_kernel().shape)


def linear_of(weights: Weights, rate: float = 1.0) -> Linear:
    """Return weight [out, in] and bias [out] of a fully connected layer with its gains."""
    weight = weights.take("weight", None, None)
    bias = weights.take("bias", weight.shape[0])
    return weight * (rate / math.sqrt(weight.shape[1])), bias * rate


def affine_of(weights: Weights, channels: int, w_dim: int) -> Linear:
    """Return the layer under ``affine`` that makes a style for ``channels`` of w."""
    inner = weights.under("affine")
    return inner.take("weight", channels, w_dim) / math.sqrt(w_dim), inner.take("bias", channels)


@dataclass(frozen=True)
class Mapping2W:
    """The mapping network of a file with its sizes. ``centre`` is w_avg, [w_dim] or [classes, w_dim]."""

    network: MappingNetwork
    z_dim: int
    w_dim: int
    classes: int
    centre: Tensor
    inferred: tuple[HyperParameter, ...]

    def facts(self, num_ws: int) -> dict[str, object]:
        """Return what the manifest holds of the latents of a network with ``num_ws`` layers."""
        classes = tuple(str(index) for index in range(self.classes))
        return {"z_dim": self.z_dim, "w_dim": self.w_dim, "num_ws": num_ws, "classes": classes}


def mapping_of(weights: Weights, config: Mapping[str, object]) -> Mapping2W:
    """Return the generator's mapping under ``mapping.``. Raises `CheckpointError` if its layers do not fit together."""
    rate = said_number(MAPPING_RATE, config, "mapping.fc0", "bias_gain")
    network, entered, left = label_mapping_of(weights, rate, config)
    classes = 0 if network.embed is None else network.embed.in_features
    z_dim = entered - (0 if network.embed is None else network.embed.out_features)
    if z_dim < 1:
        raise CheckpointError("has a mapping without a latent")
    stored = weights.has("mapping.w_avg")
    centre = _centre(weights, left, classes) if stored else estimated_centre(network, z_dim, classes)
    inferred = (
        HyperParameter(name="z_dim", value=z_dim, origin="tensor"),
        HyperParameter(name="w_dim", value=left, origin="tensor"),
        HyperParameter(name="mapping layers", value=len(network.layers), origin="tensor"),
        HyperParameter(name="classes", value=classes, origin="tensor"),
        rate,
        HyperParameter(
            name="truncation centre",
            value="w_avg" if stored else "estimated",
            origin="tensor" if stored else "default",
        ),
    )
    return Mapping2W(network, z_dim, left, classes, centre, inferred)


def _centre(weights: Weights, w_dim: int, classes: int) -> Tensor:
    centre = weights.take_any("mapping.w_avg")
    if tuple(centre.shape) not in ((w_dim,), (max(classes, 1), w_dim)):
        raise CheckpointError("has a w_avg that does not fit its mapping")
    return centre if classes or centre.ndim == 1 else centre[0]


def label_mapping_of(
    weights: Weights, rate: HyperParameter, config: Mapping[str, object]
) -> tuple[MappingNetwork, int, int]:
    """Return the layers under ``mapping.`` as a network, its first input width and its output width."""
    inner = weights.under("mapping")
    layers, depth = [], 0
    while inner.has(f"fc{depth}.weight"):
        layers.append(linear_of(inner.under(f"fc{depth}"), float(rate.value)))
        depth += 1
    widths = [layer[0].shape for layer in layers]
    if not layers or any(a[0] != b[1] for a, b in itertools.pairwise(widths)):
        raise CheckpointError("has a mapping whose layers do not fit together")
    embed = _embedding(inner, widths[0][1], config)
    return MappingNetwork(layers, embed, slope=SLOPE), widths[0][1], widths[-1][0]


def _embedding(weights: Weights, entered: int, config: Mapping[str, object]) -> nn.Linear | None:
    if not weights.has("embed.weight"):
        return None
    if weights.has("embed.bias"):
        return linear_layer(linear_of(weights.under("embed")))
    table = weights.take("embed.weight", None, None)
    if weights.has("embed_proj.weight"):
        return _looked_up(weights, table)
    # StyleGAN-XL keeps its table of classes in networks without labels, where it is not used.
    if config.get("c_dim") != 0 and entered > len(table):
        raise CheckpointError("lacks its tensor mapping.embed.bias")
    return None


def _looked_up(weights: Weights, table: Tensor) -> ActiveLinear:
    """StyleGAN-XL looks a class up in a table and projects what it finds: together one layer on the label.

    The table has more classes than the network, which uses the first ones: as many as it has truncation centres.
    """
    weight, bias = linear_of(weights.under("embed_proj"))
    centre = weights.take_any("w_avg") if weights.has("w_avg") else table
    used = table[: len(centre)] if centre.ndim == 2 else table
    layer = ActiveLinear(len(used), len(bias))
    layer.weight, layer.bias = nn.Parameter(weight @ used.t()), nn.Parameter(bias)
    return layer
