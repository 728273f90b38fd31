"""MLP GAN (Goodfellow et al. 2014) as tutorials write it: a chain of linear layers, some with BatchNorm1d after them.

Keys may have any names; the order in the file is the order of the layers. The widths are in the tensors; activations,
the norm's epsilon and the shape of the picture are not: they are settings, with the tutorials' values as defaults.
A conditional one (Mirza and Osindero 2014) embeds its label beside the latent, or beside the values of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.activations import ACTIVATION, LAST_ACTIVATION, LEAKY_SLOPE, shown
from ganplugin.models.chain_joints import Manner, joints_of
from ganplugin.models.chain_network import LayerChain, norms_of
from ganplugin.models.chain_words import BN_EPSILON, QUIRKY_EPSILON, activation_of, last_of
from ganplugin.models.label_embedding import LABEL_PLACE, Labelled, class_facts, label_inputs, split_embedding
from ganplugin.models.layer_chain import Layer, Role, chain_of
from ganplugin.models.module_words import Words
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.setting import Setting
from ganplugin.models.spectral_norm import folded, folded_names

__all__ = ["FAMILIES", "FAMILY", "SCORER_FAMILY", "MlpDiscriminator", "MlpGenerator"]

_LICENCE: Final = "Tutorial code; the rights in the weights are those of whoever trained them."
_CHANNELS: Final = (1, 3, 4)
_SMALLEST_SIDE: Final = 8
_WIDTH: Final = Setting("width", "picture width", 0, least=0)
_HEIGHT: Final = Setting("height", "picture height", 0, least=0)
_COUNT: Final = Setting("channels", "channels", 0, least=0, most=4)


class MlpGenerator(nn.Module):
    """z [batch, z_dim] to pictures 0..1 of ``shape`` (channels, height, width)."""

    def __init__(
        self, chain: LayerChain, shape: tuple[int, int, int], last: str, labelled: Labelled | None = None
    ) -> None:
        super().__init__()
        self.chain = chain
        self.shape = shape
        self.last = last
        self.labelled = labelled

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures 0..1 of z [batch, z_dim], and of label [batch, classes] if there is ``labelled``."""
        values: Tensor = self.chain(z if self.labelled is None else self.labelled(z, label))
        return shown(torch.unflatten(values, 1, self.shape), self.last)


class MlpDiscriminator(nn.Module):
    """Pictures 0..1 to one score each [batch]: the logit, before the sigmoid that training applies."""

    def __init__(self, chain: LayerChain, labelled: Labelled | None = None) -> None:
        super().__init__()
        self.chain = chain
        self.labelled = labelled

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the logit [batch] of each picture, given its label [batch, classes] if there is ``labelled``."""
        values = (image * 2 - 1).flatten(1)
        logits: Tensor = self.chain(values if self.labelled is None else self.labelled(values, label))
        return logits.flatten()


def _layers(state: StateDict, role: Role) -> tuple[Layer, ...]:
    """Return the chain of linear layers that the state is, or nothing if it is something else or has more in it."""
    return chain_of(
        folded_names(split_embedding(state)[0]), role, lambda layers: _is_linear(layers) and _ends(layers, role)
    )


def _is_linear(layers: tuple[Layer, ...]) -> bool:
    norms = [layer.norm for layer in layers if layer.norm is not None]
    return (
        len(layers) >= 2
        and all(layer.kind == "linear" for layer in layers)
        and all(norm.kind == "batch" for norm in norms)
    )


def _ends(layers: tuple[Layer, ...], role: Role) -> bool:
    if role == "scorer":
        return layers[-1].after == 1
    return layers[-1].after > layers[0].before and layers[-1].after >= _SMALLEST_SIDE**2


def _is_scorer(state: StateDict) -> bool:
    layers, table = _layers(state, "scorer"), split_embedding(state)[1]
    return bool(layers) and _guessed(layers[0].before - (0 if table is None else table.shape[1])) is not None


def _guessed(count: int) -> tuple[int, int, int] | None:
    """Return the square picture (channels, height, width) of ``count`` values; grey before RGB before RGBA."""
    for channels in _CHANNELS:
        side = math.isqrt(max(0, count) // channels)
        if channels * side * side == count and side >= _SMALLEST_SIDE:
            return channels, side, side
    return None


def _shape(count: int, config: Mapping[str, object]) -> tuple[HyperParameter, tuple[int, int, int]]:
    """Return the picture's fact and shape. Raises `CheckpointError` if ``count`` values make no such picture."""
    channels, height, width = (int(setting.read(config).value) for setting in (_COUNT, _HEIGHT, _WIDTH))
    chosen = bool(channels or height or width)
    if not chosen:
        channels, height, width = _guessed(count) or (1, 0, 0)
    channels = channels or 1
    if not (height or width):
        height = width = math.isqrt(max(0, count) // channels)
    height = height or count // (channels * width)
    width = width or count // (channels * height)
    if channels not in _CHANNELS or channels * height * width != count:
        raise CheckpointError(
            f"works on {count} values, which are no picture of {channels} x {height} x {width}",
            fix="say its size: --set width=W --set height=H --set channels=C",
        )
    text = f"{channels} x {height} x {width}"
    fact = HyperParameter(name="picture", value=text, origin="option" if chosen else "default")
    return fact, (channels, height, width)


def _facts(shape: tuple[int, int, int]) -> dict[str, object]:
    return {"channels": picture_channels(shape[0]), "width": shape[2], "height": shape[1]}


def _chain(
    state: StateDict, layers: tuple[Layer, ...], role: Role, config: Mapping[str, object]
) -> tuple[tuple[HyperParameter, ...], LayerChain]:
    """Return the loaded chain, and the facts of what lies between its layers."""
    words = _words(state, config)
    told, activation = activation_of(words, config, "leaky_relu")
    normed, norms = norms_of(layers, words, config, QUIRKY_EPSILON)
    manner = Manner(role, activation, insists=told[0].origin == "option")
    with rebuilding("an MLP GAN", state):
        chain = LayerChain(layers, joints_of(layers, words, manner), (), norms)
        chain.load(folded(split_embedding(state)[0]), (layers[0].before,))
    widths = ", ".join(str(layer.before) for layer in layers[1:])
    return (HyperParameter(name="widths", value=widths, origin="tensor"), *told, *normed), chain


def _words(state: StateDict, config: Mapping[str, object]) -> Words:
    return Words(config, {name.rpartition(".")[0] for name in folded_names(state)})


def _rebuild_generator(state: StateDict, config: Mapping[str, object]) -> Network:
    layers = _layers(state, "generator")
    if not layers:
        raise CheckpointError("is no chain of linear layers that makes pictures")
    told, chain = _chain(state, layers, "generator", config)
    last = last_of(layers, _words(state, config), config)
    place = LABEL_PLACE.read(config)
    table = split_embedding(state)[1]
    labelled = None if table is None else Labelled(table, layers[0].before, str(place.value))
    pictured, shape = _shape(layers[-1].after, config)
    z_dim = layers[0].before if labelled is None else labelled.rest
    return Network(
        kind="generator",
        module=eval_mode(MlpGenerator(chain, shape, str(last.value), labelled)),
        inputs=(GraphInput("z", ("batch", z_dim)), *label_inputs(table)),
        outputs=("image",),
        facts={"z_dim": z_dim, **_facts(shape), **class_facts(table)},
        inferred=(
            HyperParameter(name="latent size", value=z_dim, origin="tensor"),
            pictured,
            *told,
            last,
            *((place,) if labelled else ()),
        ),
    )


def _rebuild_scorer(state: StateDict, config: Mapping[str, object]) -> Network:
    layers = _layers(state, "scorer")
    if not layers:
        raise CheckpointError("is no chain of linear layers that scores pictures")
    told, chain = _chain(state, layers, "scorer", config)
    place = replace(LABEL_PLACE, default="last").read(config)
    table = split_embedding(state)[1]
    labelled = None if table is None else Labelled(table, layers[0].before, str(place.value))
    pictured, shape = _shape(layers[0].before if labelled is None else labelled.rest, config)
    score = HyperParameter(name="score", value="the logit, before the sigmoid", origin="default")
    return Network(
        kind="scorer",
        module=eval_mode(MlpDiscriminator(chain, labelled)),
        inputs=(GraphInput("image", ("batch", *shape)), *label_inputs(table)),
        outputs=("score",),
        facts={**_facts(shape), **class_facts(table)},
        inferred=(pictured, *told, score, *((place,) if labelled else ())),
    )


FAMILY = Family(
    id="mlp-gan",
    title="MLP GAN generator",
    kind="generator",
    licence=_LICENCE,
    detect=lambda state: bool(_layers(state, "generator")),
    rebuild=_rebuild_generator,
    settings=(ACTIVATION, LEAKY_SLOPE, BN_EPSILON, LAST_ACTIVATION, _WIDTH, _HEIGHT, _COUNT, LABEL_PLACE),
)

SCORER_FAMILY = Family(
    id="mlp-gan-scorer",
    title="MLP GAN discriminator",
    kind="scorer",
    licence=_LICENCE,
    detect=_is_scorer,
    rebuild=_rebuild_scorer,
    settings=(ACTIVATION, LEAKY_SLOPE, BN_EPSILON, _WIDTH, _HEIGHT, _COUNT, LABEL_PLACE),
)

FAMILIES = (FAMILY, SCORER_FAMILY)
