"""What is said, given or usual of a whole chain of layers: activations, epsilons, kinds of convolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ganplugin.manifest import HyperParameter
from ganplugin.models.activations import (
    ACTIVATION,
    CLASSES,
    LAST_ACTIVATION,
    LEAKY_SLOPE,
    Activation,
    said_activation,
)
from ganplugin.models.layer_chain import Kind, Layer
from ganplugin.models.module_words import Words, class_of
from ganplugin.models.setting import Setting

__all__ = ["BN_EPSILON", "NORM", "QUIRKY_EPSILON", "activation_of", "epsilon_of", "last_of", "told_kinds"]

BN_EPSILON: Final = Setting("bn_eps", "norm epsilon", 1e-5, least=0, most=1)
NORM: Final = Setting("norm", "norm without statistics", "instance", choices=("instance", "layer"))

QUIRKY_EPSILON: Final = 0.8
"""What eriklindernoren's PyTorch-GAN gives its norms: written as if it were the momentum, it stands in its place."""

_LASTS: Final = ("tanh", "sigmoid")


def activation_of(
    words: Words, config: Mapping[str, object], usual: str
) -> tuple[tuple[HyperParameter, ...], Activation]:
    """Return the activation of a chain, which is its first one, with the facts of it; ``usual`` where nothing tells."""
    found = (said_activation(said) for said in words.silent() if class_of(said) in CLASSES)
    first = next((one for one in found if one.name not in _LASTS), None)
    said = {} if first is None else {"activation": first.name, "leaky_slope": first.slope}
    name = replace(ACTIVATION, default=usual).read({**config, **said})
    slope = LEAKY_SLOPE.read({**config, **said})
    told = (name, slope) if name.value == "leaky_relu" else (name,)
    return told, Activation(str(name.value), float(slope.value))


def epsilon_of(layers: tuple[Layer, ...], words: Words, config: Mapping[str, object], usual: float) -> HyperParameter:
    """Return the epsilon of the norms: as given, else that of the last one that a file says it of, else as usual."""
    found = [words.of(layer.norm.name).get("eps") for layer in layers if layer.norm]
    said = {"bn_eps": found[-1]} if found and found[-1] is not None else {}
    return replace(BN_EPSILON, default=usual).read({**config, **said})


def last_of(layers: tuple[Layer, ...], words: Words, config: Mapping[str, object]) -> HyperParameter:
    """Return the last activation: what is said to be in the end, or to be anywhere if nothing is in a row there."""
    end = layers[-1].norm.name if layers[-1].norm else layers[-1].name
    following = words.between(end, None) or words.silent()
    found = [CLASSES[class_of(said)] for said in following if class_of(said) in CLASSES]
    lasts = [name for name in found if name in _LASTS]
    return LAST_ACTIVATION.read({**config, **({"last_activation": lasts[-1]} if lasts else {})})


def told_kinds(layers: tuple[Layer, ...], words: Words) -> tuple[Layer, ...]:
    """Return the layers with convolutions of as many channels before as after of the kind that a file says."""
    classes: Mapping[str, Kind] = {"Conv2d": "plain", "ConvTranspose2d": "transposed"}
    return tuple(
        replace(layer, kind=classes.get(class_of(words.of(layer.name)), layer.kind))
        if layer.kind != "linear" and layer.before == layer.after
        else layer
        for layer in layers
    )
