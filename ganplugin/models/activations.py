"""Activations by name: which there are, what pickled modules call them, and what the last one makes of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn

from ganplugin.models.setting import Setting

__all__ = ["ACTIVATION", "CLASSES", "LAST_ACTIVATION", "LEAKY_SLOPE", "Activation", "said_activation", "shown"]

_TORCH_SLOPE: Final = 0.01

_MAKERS: Final[Mapping[str, Callable[[float], nn.Module]]] = {
    "leaky_relu": lambda slope: nn.LeakyReLU(slope),
    "relu": lambda _: nn.ReLU(),
    "elu": lambda _: nn.ELU(),
    "selu": lambda _: nn.SELU(),
    "gelu": lambda _: nn.GELU(),
    "silu": lambda _: nn.SiLU(),
    "tanh": lambda _: nn.Tanh(),
    "sigmoid": lambda _: nn.Sigmoid(),
}

CLASSES: Final[Mapping[str, str]] = {
    "LeakyReLU": "leaky_relu",
    "ReLU": "relu",
    "ELU": "elu",
    "SELU": "selu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
}
"""The names of torch's classes."""

ACTIVATION: Final = Setting("activation", "activation", "leaky_relu", choices=tuple(_MAKERS))
LEAKY_SLOPE: Final = Setting("leaky_slope", "leaky slope", 0.2, least=0, most=1)
LAST_ACTIVATION: Final = Setting("last_activation", "last activation", "tanh", choices=("tanh", "sigmoid", "none"))


@dataclass(frozen=True)
class Activation:
    """An activation by its name, with the slope of a leaky one."""

    name: str
    slope: float = 0.2

    def module(self) -> nn.Module:
        """Return a module that computes it."""
        return _MAKERS[self.name](self.slope)


def said_activation(said: Mapping[str, object]) -> Activation:
    """Return the activation that a pickled module of torch's says it is. Raises `KeyError` for another module."""
    slope = said.get("negative_slope")
    name = CLASSES[str(said.get("class", "")).rpartition(".")[2]]
    return Activation(name, slope if isinstance(slope, float) else _TORCH_SLOPE)


def shown(values: Tensor, last: str) -> Tensor:
    """Return pictures 0..1 of what the last layer made; without a last activation it was trained towards -1..1."""
    if last == "sigmoid":
        return values.sigmoid()
    signed = values.tanh() if last == "tanh" else values.clamp(-1, 1)
    return signed * 0.5 + 0.5
