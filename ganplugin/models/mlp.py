"""MLP GAN (Goodfellow et al. 2014) as tutorials write it: a chain of linear layers, some with BatchNorm1d after them.

Keys may have any names; the order in the file is the order of the layers. The widths are in the tensors; activations,
the norm's epsilon and the shape of the picture are not: they are settings, with the tutorials' values as defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import rebuilding
from ganplugin.models.setting import Setting

__all__ = ["FAMILIES", "FAMILY", "SCORER_FAMILY", "MlpDiscriminator", "MlpGenerator"]

_LICENCE: Final = "Tutorial code; the rights in the weights are those of whoever trained them."
_CHANNELS: Final = {1: "L", 3: "RGB", 4: "RGBA"}
_SMALLEST_SIDE: Final = 8

_ACTIVATIONS: Final[Mapping[str, Callable[[float], nn.Module]]] = {
    "leaky_relu": lambda slope: nn.LeakyReLU(slope),
    "relu": lambda _: nn.ReLU(),
    "elu": lambda _: nn.ELU(),
    "selu": lambda _: nn.SELU(),
    "gelu": lambda _: nn.GELU(),
    "silu": lambda _: nn.SiLU(),
    "tanh": lambda _: nn.Tanh(),
    "sigmoid": lambda _: nn.Sigmoid(),
}

_CLASSES: Final = {
    "LeakyReLU": "leaky_relu",
    "ReLU": "relu",
    "ELU": "elu",
    "SELU": "selu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
}

_ACTIVATION: Final = Setting("activation", "activation", "leaky_relu", choices=tuple(_ACTIVATIONS))
_SLOPE: Final = Setting("leaky_slope", "leaky slope", 0.2, least=0, most=1)
_EPSILON: Final = Setting("bn_eps", "norm epsilon", 0.8, least=0, most=1)
_LAST: Final = Setting("last_activation", "last activation", "tanh", choices=("tanh", "sigmoid", "none"))
_WIDTH: Final = Setting("width", "picture width", 0, least=0)
_HEIGHT: Final = Setting("height", "picture height", 0, least=0)
_COUNT: Final = Setting("channels", "channels", 0, least=0, most=4)


@dataclass(frozen=True)
class _Layer:
    """A linear layer of the file by its name, with the name of the norm after it, if any."""

    name: str
    before: int
    after: int
    bias: bool
    norm: str = ""

    @property
    def norm_is_late(self) -> bool:
        """Whether the numbers in the names leave room for the activation before the norm."""
        numbers = [name.rpartition(".")[2] for name in (self.name, self.norm)]
        return all(number.isdigit() for number in numbers) and int(numbers[1]) - int(numbers[0]) == 2


@dataclass(frozen=True)
class _Style:
    """What lies between the linear layers."""

    activation: str
    slope: float
    epsilon: float


class _Chain(nn.Sequential):
    """Linear layers with norms and activations between them; ``names`` maps the file's names to places here."""

    def __init__(self, layers: tuple[_Layer, ...], style: _Style) -> None:
        steps: list[nn.Module] = []
        names: dict[str, str] = {}
        for layer in layers:
            names[layer.name] = str(len(steps))
            steps.append(nn.Linear(layer.before, layer.after, bias=layer.bias))
            between = [] if layer is layers[-1] else [_ACTIVATIONS[style.activation](style.slope)]
            if layer.norm:
                place = len(between) if layer.norm_is_late else 0
                between.insert(place, nn.BatchNorm1d(layer.after, eps=style.epsilon))
                names[layer.norm] = str(len(steps) + place)
            steps += between
        super().__init__(*steps)
        self.names = names


class MlpGenerator(nn.Module):
    """z [batch, z_dim] to pictures 0..1 of ``shape`` (channels, height, width)."""

    def __init__(self, chain: _Chain, shape: tuple[int, int, int], last: str) -> None:
        super().__init__()
        self.chain = chain
        self.shape = shape
        self.last = last

    def forward(self, z: Tensor) -> Tensor:
        """Return pictures 0..1 of z [batch, z_dim]."""
        values: Tensor = self.chain(z)
        pictures: Tensor = torch.unflatten(values, 1, self.shape)
        if self.last == "sigmoid":
            return pictures.sigmoid()
        signed = pictures.tanh() if self.last == "tanh" else pictures.clamp(-1, 1)
        return signed * 0.5 + 0.5


class MlpDiscriminator(nn.Module):
    """Pictures 0..1 to one score each [batch]: the logit, before the sigmoid that training applies."""

    def __init__(self, chain: _Chain) -> None:
        super().__init__()
        self.chain = chain

    def forward(self, image: Tensor) -> Tensor:
        """Return the logit [batch] of each picture."""
        logits: Tensor = self.chain((image * 2 - 1).flatten(1))
        return logits.flatten()


def _layers(state: StateDict) -> tuple[_Layer, ...]:
    """Return the chain that the state is, or nothing if it is something else or has anything beside it."""
    found: list[_Layer] = []
    for name, entries in _modules(state):
        weight = entries.get("weight")
        if weight is None:
            return ()
        if set(entries) <= {"weight", "bias"} and weight.ndim == 2:
            found.append(_Layer(name, weight.shape[1], weight.shape[0], "bias" in entries))
        elif "running_mean" in entries and found and not found[-1].norm and weight.shape == (found[-1].after,):
            found[-1] = replace(found[-1], norm=name)
        else:
            return ()
    biased = {layer.bias for layer in found}
    chained = len(biased) == 1 and all(one.after == other.before for one, other in pairwise(found))
    return tuple(found) if chained and len(found) >= 2 else ()


def _modules(state: StateDict) -> list[tuple[str, Mapping[str, Tensor]]]:
    """The modules by their numbers if all are numbered alike (safetensors sorts keys), else in the file's order."""
    modules: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        name, _, entry = key.rpartition(".")
        modules.setdefault(name, {})[entry] = tensor
    steps = [name.rpartition(".") for name in modules]
    if len({(path, dot) for path, dot, _ in steps}) == 1 and all(number.isdigit() for _, _, number in steps):
        return sorted(modules.items(), key=lambda module: int(module[0].rpartition(".")[2]))
    return list(modules.items())


def _is_generator(state: StateDict) -> bool:
    layers = _layers(state)
    return bool(layers) and layers[-1].after > layers[0].before and layers[-1].after >= _SMALLEST_SIDE**2


def _is_scorer(state: StateDict) -> bool:
    layers = _layers(state)
    return bool(layers) and layers[-1].after == 1 and _guessed(layers[0].before) is not None


def _guessed(count: int) -> tuple[int, int, int] | None:
    """Return the square picture (channels, height, width) of ``count`` values; grey before RGB before RGBA."""
    for channels in _CHANNELS:
        side = math.isqrt(count // channels)
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
        height = width = math.isqrt(count // channels)
    height = height or count // (channels * width)
    width = width or count // (channels * height)
    if channels not in _CHANNELS or channels * height * width != count:
        raise CheckpointError(
            f"works on {count} values, which are no picture of {channels} x {height} x {width}",
            fix="say its size: --set width=W --set height=H --set channels=C",
        )
    text = f"{channels} x {height} x {width}"
    return HyperParameter(name="picture", value=text, origin="option" if chosen else "default"), (
        channels,
        height,
        width,
    )


def _chain(layers: tuple[_Layer, ...], state: StateDict, style: _Style) -> _Chain:
    with rebuilding("an MLP GAN", state):
        return _loaded(_Chain(layers, style), state)


def _loaded(chain: _Chain, state: StateDict) -> _Chain:
    parts = ((key.rpartition("."), tensor) for key, tensor in state.items())
    renamed = {f"{chain.names[name]}.{entry}": tensor for (name, _, entry), tensor in parts}
    chain.load_state_dict(renamed)
    return chain


def _style(layers: tuple[_Layer, ...], config: Mapping[str, object]) -> tuple[tuple[HyperParameter, ...], _Style]:
    activation, slope, epsilon = (setting.read(config) for setting in (_ACTIVATION, _SLOPE, _EPSILON))
    told = [activation]
    if activation.value == "leaky_relu":
        told.append(slope)
    if any(layer.norm for layer in layers):
        told.append(epsilon)
    return tuple(told), _Style(str(activation.value), float(slope.value), float(epsilon.value))


def _said(config: Mapping[str, object]) -> Mapping[str, object]:
    """Return the config with what a pickled module says of its layers under the names of the settings."""
    modules = config.get("modules")
    if not isinstance(modules, Mapping):
        return config
    said: dict[str, object] = {}
    for module in modules.values():
        kind = str(module.get("class", "")).rpartition(".")[2]
        if kind == "BatchNorm1d":
            said.setdefault("bn_eps", module.get("eps"))
        elif kind in _CLASSES:
            said.setdefault("activation", _CLASSES[kind])
            said["last_activation"] = _CLASSES[kind]
        if kind == "LeakyReLU":
            said.setdefault("leaky_slope", module.get("negative_slope"))
    return {**said, **config}


def _widths(layers: tuple[_Layer, ...]) -> HyperParameter:
    return HyperParameter(name="widths", value=", ".join(str(layer.before) for layer in layers[1:]), origin="tensor")


def _facts(shape: tuple[int, int, int]) -> dict[str, object]:
    return {"channels": _CHANNELS[shape[0]], "width": shape[2], "height": shape[1]}


def _rebuild_generator(state: StateDict, config: Mapping[str, object]) -> Network:
    config = _said(config)
    layers = _layers(state)
    if not _is_generator(state):
        raise CheckpointError("is no chain of linear layers that makes pictures")
    told, style = _style(layers, config)
    last = _LAST.read(config)
    pictured, shape = _shape(layers[-1].after, config)
    z_dim = layers[0].before
    return Network(
        kind="generator",
        module=eval_mode(MlpGenerator(_chain(layers, state, style), shape, str(last.value))),
        inputs=(GraphInput("z", ("batch", z_dim)),),
        outputs=("image",),
        facts={"z_dim": z_dim, **_facts(shape)},
        inferred=(
            HyperParameter(name="latent size", value=z_dim, origin="tensor"),
            _widths(layers),
            pictured,
            *told,
            last,
        ),
    )


def _rebuild_scorer(state: StateDict, config: Mapping[str, object]) -> Network:
    config = _said(config)
    layers = _layers(state)
    if not layers or layers[-1].after != 1:
        raise CheckpointError("is no chain of linear layers that scores pictures")
    told, style = _style(layers, config)
    pictured, shape = _shape(layers[0].before, config)
    score = HyperParameter(name="score", value="the logit, before the sigmoid", origin="default")
    return Network(
        kind="scorer",
        module=eval_mode(MlpDiscriminator(_chain(layers, state, style))),
        inputs=(GraphInput("image", ("batch", *shape)),),
        outputs=("score",),
        facts=_facts(shape),
        inferred=(_widths(layers), pictured, *told, score),
    )


FAMILY = Family(
    id="mlp-gan",
    title="MLP GAN generator",
    kind="generator",
    licence=_LICENCE,
    detect=_is_generator,
    rebuild=_rebuild_generator,
    settings=(_ACTIVATION, _SLOPE, _EPSILON, _LAST, _WIDTH, _HEIGHT, _COUNT),
)

SCORER_FAMILY = Family(
    id="mlp-gan-scorer",
    title="MLP GAN discriminator",
    kind="scorer",
    licence=_LICENCE,
    detect=_is_scorer,
    rebuild=_rebuild_scorer,
    settings=(_ACTIVATION, _SLOPE, _EPSILON, _WIDTH, _HEIGHT, _COUNT),
)

FAMILIES = (FAMILY, SCORER_FAMILY)
