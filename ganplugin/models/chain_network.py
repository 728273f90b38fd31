"""The network that a chain of layers is: layers, norms and what lies between them in a row, loaded from the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn
from torch.func import functional_call

from ganplugin.manifest import HyperParameter
from ganplugin.models.chain_joints import Joint
from ganplugin.models.chain_words import NORM, epsilon_of
from ganplugin.models.conv_windows import Window
from ganplugin.models.layer_chain import Layer, square_side
from ganplugin.models.module_words import Words, class_of
from ganplugin.models.network import StateDict

__all__ = ["LayerChain", "Norms", "norms_of"]

_COUNTER: Final = "num_batches_tracked"
"""Left out by old versions of torch; nothing depends on it here."""


@dataclass(frozen=True)
class Norms:
    """What norms need and tensors do not hold. ``instance`` is false if norms without statistics are layer norms.

    ``first`` is the epsilon of the norm of a projection, where it differs.
    """

    words: Words
    epsilon: float = 1e-5
    first: float | None = None
    instance: bool = True

    def module(self, layer: Layer, *, projects: bool) -> nn.Module:
        """Return the empty norm of a layer. Raises `ValueError` if it has none."""
        if layer.norm is None:
            raise ValueError(f"{layer.name} has no norm")
        norm, said = layer.norm, self.words.of(layer.norm.name)
        usual = self.first if projects and self.first is not None else self.epsilon
        epsilon = float(str(said.get("eps", usual)))
        if norm.kind == "batch":
            flat = layer.kind == "linear" and norm.shape[0] == layer.after
            return (nn.BatchNorm1d if flat else nn.BatchNorm2d)(norm.shape[0], eps=epsilon, affine=norm.affine)
        if norm.kind == "layer" or layer.kind == "linear":
            return nn.LayerNorm(norm.shape, eps=float(str(said.get("eps", 1e-5))))
        groups = self.words.number(norm.name, "num_groups") if class_of(said) == "GroupNorm" else None
        if groups or not self.instance:
            return nn.GroupNorm(groups or 1, norm.shape[0], eps=float(str(said.get("eps", 1e-5))))
        return nn.InstanceNorm2d(norm.shape[0], affine=True, eps=float(str(said.get("eps", 1e-5))))


def norms_of(
    layers: tuple[Layer, ...], words: Words, config: Mapping[str, object], usual: float, *, first: float | None = None
) -> tuple[tuple[HyperParameter, ...], Norms]:
    """Return how the norms of a chain are made, and the facts of it; ``usual`` is their epsilon if nothing tells it."""
    epsilon, plain = epsilon_of(layers, words, config, usual), NORM.read(config)
    kinds = {layer.norm.kind for layer in layers if layer.norm is not None}
    told = (*((epsilon,) if kinds else ()), *((plain,) if "instance" in kinds else ()))
    return told, Norms(words, float(epsilon.value), first, instance=plain.value == "instance")


class LayerChain(nn.Sequential):
    """Layers, norms and joints in a row; values become maps and maps values where linear layers meet convolutions."""

    def __init__(
        self, layers: tuple[Layer, ...], joints: tuple[Joint, ...], windows: Iterable[Window], norms: Norms
    ) -> None:
        """``windows`` are those of the convolutions alone, in order."""
        remaining = iter(windows)
        steps: list[nn.Module] = []
        names: dict[str, str] = {}
        for place, layer in enumerate(layers):
            following = layers[place + 1] if place + 1 < len(layers) else None
            joint = joints[place] if following is not None else Joint()
            window = next(remaining) if layer.kind != "linear" else None
            for name, module in _row(layer, following, joint, window, norms):
                names |= {name: str(len(steps))} if name else {}
                steps.append(module)
        super().__init__(*steps)
        self.names = names

    def load(self, state: StateDict, shape: tuple[int, ...]) -> None:
        """Load every tensor of the file, and pass one input of ``shape`` without computing it.

        Raises `ValueError` or `RuntimeError` if tensors are not those of the chain, or do not fit its maps.
        """
        files = {place: name for name, place in self.names.items()}
        own = ((key.partition("."), tensor.shape) for key, tensor in self.state_dict().items())
        _check(state, {f"{files[place]}.{entry}": wanted for (place, _, entry), wanted in own})
        parts = ((key.rpartition("."), tensor) for key, tensor in state.items())
        self.load_state_dict({f"{self.names.get(name, name)}.{entry}": tensor for (name, _, entry), tensor in parts})
        tensors = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        empty = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
        functional_call(self.eval(), empty, torch.empty(1, *shape, device="meta"))


def _check(state: StateDict, wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `ValueError` in the names of the file, not ours, for a tensor that is missing or misshapen."""
    for key, shape in wanted.items():
        name, _, entry = key.rpartition(".")
        if key in state and state[key].shape != shape:
            raise ValueError(f"{key} is of shape {tuple(state[key].shape)} instead of {tuple(shape)}")
        if key not in state and entry != _COUNTER:
            beside = ", ".join(other for other in state if other.rpartition(".")[0] == name)
            raise ValueError(f"{key} is missing beside {beside}")


def _row(
    layer: Layer, following: Layer | None, joint: Joint, window: Window | None, norms: Norms
) -> Iterator[tuple[str, nn.Module]]:
    """Yield a layer and what comes before the next, each with its name in the file, if it has one."""
    projects = layer.kind == "linear" and following is not None and following.kind != "linear"
    maps = _maps(layer, following) if projects and following is not None else None
    flat = layer.norm is not None and layer.norm.shape[0] == layer.after
    yield layer.name, _module(layer, window)
    if maps is not None and not flat:
        yield "", maps
    yield from (("", module) for module in joint.early)
    if layer.norm is not None:
        yield layer.norm.name, norms.module(layer, projects=projects)
    if maps is not None and flat:
        yield "", maps
    yield from (("", module) for module in joint.late)
    if layer.kind != "linear" and following is not None and following.kind == "linear":
        yield "", nn.Flatten()


def _module(layer: Layer, window: Window | None) -> nn.Module:
    if window is None:
        return nn.Linear(layer.before, layer.after, bias=layer.bias)
    sizes = layer.before, layer.after, layer.kernel, window.stride, window.padding
    if layer.kind == "transposed":
        return nn.ConvTranspose2d(*sizes, output_padding=window.spare, bias=layer.bias)
    return nn.Conv2d(*sizes, bias=layer.bias)


def _maps(layer: Layer, following: Layer) -> nn.Module:
    side = square_side(layer.after, following.before)
    return nn.Unflatten(1, (following.before, side, side))
