"""Discriminators and critics that are one chain of convolutions, perhaps with linear layers after them, as scorers.

PyTorch's DCGAN example and tutorials, deeplearning.ai's course, WGAN and WGAN-GP critics, with or without norms and
spectral norms. The score is the logit, before the sigmoid that training applies: it does not saturate, and ranks alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models import patch_scorer, quick
from ganplugin.models.activations import ACTIVATION, LEAKY_SLOPE
from ganplugin.models.chain_joints import Manner, joints_of
from ganplugin.models.chain_network import LayerChain, norms_of
from ganplugin.models.chain_words import BN_EPSILON, NORM, QUIRKY_EPSILON, activation_of
from ganplugin.models.conv_windows import PADDINGS, SIDE, STRIDES, scorer_windows
from ganplugin.models.dcgan import LICENCE
from ganplugin.models.label_embedding import class_facts, label_inputs, split_embedding
from ganplugin.models.layer_chain import Layer, chain_of
from ganplugin.models.module_words import Words
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.setting import Setting
from ganplugin.models.spectral_norm import folded, folded_names

__all__ = ["FAMILY", "ChainDiscriminator"]

_MOST_CHANNELS: Final = 4
_QUIRKY_SILENT: Final = 2
_RANGE: Final = Setting("picture_range", "range of pictures", "-1..1", choices=("-1..1", "0..1"))


class ChainDiscriminator(nn.Module):
    """Pictures 0..1, and a label [batch, classes] if there is a ``table`` [classes, side * side], to scores [batch].

    A conditional one sees the row of the label as one more channel.
    """

    def __init__(self, chain: LayerChain, *, signed: bool, table: Tensor | None = None) -> None:
        super().__init__()
        self.chain = chain
        self.signed = signed
        self.table = None if table is None else nn.Parameter(table.float(), requires_grad=False)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the logit [batch] of each picture, or the mean of its patches' where there are several."""
        x = image * 2 - 1 if self.signed else image
        if self.table is not None and label is not None:
            x = torch.cat((x, torch.unflatten(label @ self.table, 1, (1, *x.shape[2:]))), dim=1)
        logits: Tensor = self.chain(x)
        return logits.flatten(1).mean(dim=1)


def _fits(layers: tuple[Layer, ...]) -> bool:
    """Return whether a chain goes from pictures to one value, and does not narrow on its way, as translators do."""
    convs = [layer for layer in layers if layer.kind != "linear"]
    if not convs or convs != list(layers[: len(convs)]) or layers[-1].after != 1:
        return False
    rising = convs if layers[-1].kind == "linear" else convs[:-1]
    return all(one.after <= other.after for one, other in pairwise(rising)) and bool(rising)


def _chain(state: StateDict) -> tuple[Layer, ...]:
    rest, table = split_embedding(state)
    layers = chain_of(folded_names(rest), "scorer", _fits)
    most = _MOST_CHANNELS + (table is not None)
    return layers if layers and layers[0].before <= most else ()


def _judging(state: StateDict) -> StateDict:
    """Return the state without heads beside the one that judges, which guess classes or codes (AC-GAN, InfoGAN).

    They take as many values as it, and return more than one. A state that is a chain as it is has none.
    """
    weights = {name[: -len("weight")]: tensor.shape for name, tensor in state.items() if name.endswith(".weight")}
    heads = {name: shape for name, shape in weights.items() if len(shape) == 2}
    judges = {shape[1] for shape in heads.values() if shape[0] == 1}
    others = tuple(name for name, shape in heads.items() if shape[0] != 1 and shape[1] in judges)
    if not others or _chain(state):
        return state
    return {key: tensor for key, tensor in state.items() if not key.startswith(others)}


def _is_scorer(state: StateDict) -> bool:
    """Tell whether the tensors are such a chain, and not that of a family with names of its own."""
    named = (patch_scorer.FAMILY, quick.SCORER_FAMILY)
    return bool(_chain(_judging(state))) and not any(family.detect(state) for family in named)


def _is_quirky(layers: tuple[Layer, ...]) -> bool:
    """Return whether norms come after activation and dropout, as in PyTorch-GAN, which gives them its epsilon."""
    return any(layer.norm is not None and layer.norm.silent == _QUIRKY_SILENT for layer in layers)


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    state = _judging(state)
    layers = _chain(state)
    if not layers:
        raise CheckpointError("is no DCGAN discriminator: no chain from pictures to one value")
    rest, table = split_embedding(state)
    words = Words(config, {name.rpartition(".")[0] for name in folded_names(state)})
    told, activation = activation_of(words, config, "leaky_relu")
    manner = Manner(role="scorer", activation=activation, insists=told[0].origin == "option")
    windows = scorer_windows(layers, words, config)
    normed, norms = norms_of(layers, words, config, QUIRKY_EPSILON if _is_quirky(layers) else 1e-5)
    signed = _RANGE.read(config)
    with rebuilding("a DCGAN", state):
        chain = LayerChain(layers, joints_of(layers, words, manner), windows.windows, norms)
        chain.load(folded(rest), (layers[0].before, windows.side, windows.side))
    channels, side = layers[0].before - (table is not None), windows.side
    if table is not None and table.shape[1] != side * side:
        raise CheckpointError(f"embeds its labels in {table.shape[1]} values, which are no picture of side {side}")
    return Network(
        kind="scorer",
        module=eval_mode(ChainDiscriminator(chain, signed=signed.value == "-1..1", table=table)),
        inputs=(GraphInput("image", ("batch", channels, side, side)), *label_inputs(table)),
        outputs=("score",),
        facts={"channels": picture_channels(channels), "width": side, "height": side} | class_facts(table),
        inferred=(
            HyperParameter(name="widths", value=", ".join(str(one.after) for one in layers[:-1]), origin="tensor"),
            HyperParameter(name="channels", value=channels, origin="tensor"),
            HyperParameter(name="score", value="the logit, before the sigmoid", origin="default"),
            *windows.inferred,
            *told,
            *normed,
            signed,
        ),
    )


FAMILY = Family(
    id="dcgan-scorer",
    title="DCGAN discriminator",
    kind="scorer",
    licence=LICENCE,
    detect=_is_scorer,
    rebuild=_rebuild,
    settings=(ACTIVATION, LEAKY_SLOPE, BN_EPSILON, NORM, STRIDES, PADDINGS, SIDE, _RANGE),
)
