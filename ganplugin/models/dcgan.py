"""DCGAN (Radford et al. 2015) and its kin: a generator that is one chain of layers with convolutions in it.

PyTorch's example and tutorials, deeplearning.ai's course, WGAN and WGAN-GP, projections followed by transposed
convolutions, or by doublings and plain ones: any names, widths, depth and number of channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final

from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.activations import ACTIVATION, LAST_ACTIVATION, LEAKY_SLOPE, shown
from ganplugin.models.chain_joints import Joint, Manner, joints_of, magnified
from ganplugin.models.chain_network import LayerChain, Norms, norms_of
from ganplugin.models.chain_words import (
    BN_EPSILON,
    NORM,
    QUIRKY_EPSILON,
    activation_of,
    last_of,
    told_kinds,
)
from ganplugin.models.conv_windows import PADDINGS, SPARES, STRIDES, Windows, generator_windows, numbers
from ganplugin.models.label_embedding import LABEL_PLACE, Labelled, class_facts, label_inputs, split_embedding
from ganplugin.models.layer_chain import Layer, chain_of
from ganplugin.models.module_words import Words
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.setting import Setting
from ganplugin.models.spectral_norm import folded, folded_names

__all__ = ["FAMILY", "LICENCE", "ChainGenerator"]

LICENCE: Final = "The example code is BSD-3-Clause; the rights in the weights are those of whoever trained them."

_MOST_CHANNELS: Final = 4
_WIDENING: Final = 4
_DOUBLINGS: Final = Setting("doublings", "doublings", "")
_DOUBLING: Final = Setting("upsampling", "way of doubling", "nearest", choices=("nearest", "bilinear"))
_PROJECTED: Final = Setting("projection_activation", "activation after the projection", True)


class ChainGenerator(nn.Module):
    """z [batch, z_dim], and a label [batch, classes] if there is ``labelled``, to pictures 0..1."""

    def __init__(self, chain: LayerChain, last: str, labelled: Labelled | None = None) -> None:
        super().__init__()
        self.chain = chain
        self.last = last
        self.labelled = labelled
        self.projects = isinstance(chain[0], nn.Linear)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures 0..1."""
        values = z if self.labelled is None else self.labelled(z, label)
        return shown(self.chain(values if self.projects else values[:, :, None, None]), self.last)


def _fits(layers: tuple[Layer, ...]) -> bool:
    """Return whether a chain goes from values to pictures, and does not widen again, as one followed by its judge.

    One that begins with a single value is a judge read backwards.
    """
    widens = any(
        one.norm is None and one.after <= _MOST_CHANNELS and other.after >= _WIDENING * one.after
        for one, other in pairwise(layers)
    )
    pictures = layers[-1].kind != "linear" and layers[-1].after <= _MOST_CHANNELS
    return pictures and layers[0].before > 1 and any(layer.kernel > 1 for layer in layers) and not widens


def _chain(state: StateDict) -> tuple[Layer, ...]:
    return chain_of(folded_names(split_embedding(state)[0]), "generator", _fits)


def _projection(layers: tuple[Layer, ...]) -> Layer | None:
    """Return the linear layer in front of the convolutions, if there is one."""
    return next((one for one, other in pairwise(layers) if one.kind == "linear" != other.kind), None)


def _grows_plainly(layers: tuple[Layer, ...]) -> bool:
    return not any(layer.kind == "transposed" for layer in layers)


def _manner(
    layers: tuple[Layer, ...], words: Words, config: Mapping[str, object]
) -> tuple[tuple[HyperParameter, ...], Manner]:
    """Return what is usual in such a chain, and the facts of it."""
    plainly, projection = _grows_plainly(layers), _projection(layers)
    told, activation = activation_of(words, config, "leaky_relu" if plainly else "relu")
    # A projection alone in a Sequential, which is numbered 0, would not need one, so that there is an activation too.
    alone = projection is not None and projection.norm is None and not projection.name.endswith(".0")
    projected = replace(_PROJECTED, default=not (plainly or alone)).read(config)
    doubling = _DOUBLING.read(config)
    count = sum(layer.kind != "linear" for layer in layers)
    manner = Manner(
        role="generator",
        activation=activation,
        doubling=str(doubling.value),
        projected=bool(projected.value),
        doublings=numbers(_DOUBLINGS, count, config) or (),
        insists=told[0].origin == "option",
    )
    return (*told, *((projected,) if projection else ()), *((doubling,) if plainly else ())), manner


def _growth(
    layers: tuple[Layer, ...], joints: tuple[Joint, ...], config: Mapping[str, object]
) -> tuple[tuple[HyperParameter, ...], tuple[int, ...]]:
    """Return the factors by which maps grow in front of each convolution, and the fact of it if all are plain.

    Raises `CheckpointError` if there are plain convolutions alone, and nothing tells where maps grow.
    """
    factors = [1 if place == 0 else magnified(joints[place - 1]) for place in range(len(layers))]
    found = tuple(factor for factor, layer in zip(factors, layers, strict=True) if layer.kind != "linear")
    if not _grows_plainly(layers):
        return (), found
    if max(found) == 1:
        raise CheckpointError(
            f"has {len(found)} plain convolutions, and its names do not tell where its maps are doubled",
            fix="say by how much they grow in front of each: --set doublings=2,2,1",
        )
    value, origin = ", ".join(map(str, found)), _DOUBLINGS.read(config).origin
    return (HyperParameter(name=_DOUBLINGS.title, value=value, origin=origin),), found


def _inferred(layers: tuple[Layer, ...], z_dim: int) -> tuple[HyperParameter, ...]:
    widths = ", ".join(str(layer.after) for layer in layers[:-1])
    rows = (("latent size", z_dim), ("widths", widths), ("channels", layers[-1].after))
    return tuple(HyperParameter(name=name, value=value, origin="tensor") for name, value in rows)


def _facts(layers: tuple[Layer, ...], side: int) -> dict[str, object]:
    return {"channels": picture_channels(layers[-1].after), "width": side, "height": side}


def _norms(
    layers: tuple[Layer, ...], words: Words, config: Mapping[str, object]
) -> tuple[tuple[HyperParameter, ...], Norms]:
    plainly = _grows_plainly(layers)
    return norms_of(layers, words, config, QUIRKY_EPSILON if plainly else 1e-5, first=1e-5 if plainly else None)


def _built(
    state: StateDict, layers: tuple[Layer, ...], joints: tuple[Joint, ...], windows: Windows, norms: Norms
) -> LayerChain:
    transposed = {layer.name for layer in layers if layer.kind == "transposed"}
    with rebuilding("a DCGAN", state):
        chain = LayerChain(layers, joints, windows.windows, norms)
        first = (layers[0].before,) if layers[0].kind == "linear" else (layers[0].before, 1, 1)
        chain.load(folded(state, transposed), first)
    return chain


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    layers = _chain(state)
    if not layers:
        raise CheckpointError("is no DCGAN generator: no chain from values to pictures")
    rest, table = split_embedding(state)
    words = Words(config, {name.rpartition(".")[0] for name in folded_names(state)})
    layers = told_kinds(layers, words)
    told, manner = _manner(layers, words, config)
    joints = joints_of(layers, words, manner)
    grown, doublings = _growth(layers, joints, config)
    windows = generator_windows(layers, doublings, words, config)
    normed, norms = _norms(layers, words, config)
    last = last_of(layers, words, config)
    place = replace(LABEL_PLACE, default="last").read(config)
    chain = _built(rest, layers, joints, windows, norms)
    labelled = None if table is None else Labelled(table, layers[0].before, str(place.value))
    z_dim = layers[0].before if labelled is None else labelled.rest
    placed = () if table is None else (place,)
    return Network(
        kind="generator",
        module=eval_mode(ChainGenerator(chain, str(last.value), labelled)),
        inputs=(GraphInput("z", ("batch", z_dim)), *label_inputs(table)),
        outputs=("image",),
        facts={"z_dim": z_dim, **_facts(layers, windows.side), **class_facts(table)},
        inferred=(*_inferred(layers, z_dim), *grown, *windows.inferred, *told, *normed, last, *placed),
    )


FAMILY = Family(
    id="dcgan",
    title="DCGAN generator",
    kind="generator",
    licence=LICENCE,
    detect=lambda state: bool(_chain(state)),
    rebuild=_rebuild,
    settings=(
        *(ACTIVATION, LEAKY_SLOPE, LAST_ACTIVATION, BN_EPSILON, NORM),
        *(STRIDES, PADDINGS, SPARES, _DOUBLINGS, _DOUBLING, _PROJECTED, LABEL_PLACE),
    ),
)
