"""The local enhancer of pix2pixHD (Wang et al. 2018): a generator for half the size inside one for the full size.

``model`` is the global generator without its last convolution; for each enhancer ``n`` ``model<n>_1`` halves the
picture and ``model<n>_2`` takes both sums through residual blocks and back to the full size. The smaller pictures that
the inner networks see are averages over 3 x 3 pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family, Network, StateDict
from ganplugin.models.resnet_translator import (
    HD_LICENCE,
    conv_at,
    renamed_blocks,
    residual_block,
    sequence,
)
from ganplugin.models.translation import (
    BATCH_NORM,
    conv_shape,
    load_strictly,
    norm_at,
    norm_fact,
    translator_network,
)

__all__ = ["FAMILY"]

_PLACE: Final = re.compile(r"^(model\w*)\.(\d+)\.(weight|block\.\d+\.weight)$")
_ENHANCER: Final = re.compile(r"^model([1-9])_1\.1\.weight$")
_SIGNATURE: Final = ("model.1.weight", "model1_1.1.weight", "model1_1.4.weight")
_OUTER_KERNEL: Final = 7


class _LocalEnhancer(nn.Module):
    """``chains`` are named as in the file: ``model``, then ``model<n>_1`` and ``model<n>_2`` from the inside out."""

    def __init__(self, chains: Mapping[str, nn.Sequential]) -> None:
        super().__init__()
        self.enhancers = (len(chains) - 1) // 2
        for name, chain in chains.items():
            self.add_module(name, chain)

    def forward(self, x: Tensor) -> Tensor:
        sizes = [x]
        for _ in range(self.enhancers):
            sizes.append(F.avg_pool2d(sizes[-1], 3, stride=2, padding=1, count_include_pad=False))
        y: Tensor = self.get_submodule("model")(sizes.pop())
        for n in range(1, self.enhancers + 1):
            y = self.get_submodule(f"model{n}_2")(self.get_submodule(f"model{n}_1")(sizes.pop()) + y)
        return y


def _enhancers(state: StateDict) -> int:
    return len({match[1] for key in state if (match := _ENHANCER.match(key))})


def _detect(state: StateDict) -> bool:
    return all(key in state and state[key].ndim == 4 for key in _SIGNATURE)


class _Reader:
    """Builds the empty layers of one chain from the places and shapes of its tensors."""

    def __init__(self, state: StateDict, name: str, mode: str, *, last: bool) -> None:
        self._state, self._name, self._mode, self._last = state, name, mode, last
        found = {int(m[2]): m[3] for key in state if (m := _PLACE.match(key)) and m[1] == name}
        self._blocks = sorted(place for place, kind in found.items() if kind != "weight")
        self._convs = sorted(
            place for place, kind in found.items() if kind == "weight" and state[f"{name}.{place}.weight"].ndim == 4
        )

    def chain(self) -> nn.Sequential:
        """Return the layers under their places. Raises `CheckpointError` where the tensors are laid out otherwise."""
        layers: dict[int, nn.Module] = {}
        for place in self._blocks:
            layers[place] = residual_block(self._state, f"{self._name}.{place}", self._mode, bias=True)
        for place in self._convs:
            layers |= self._unit(place)
        return sequence(layers)

    def _unit(self, place: int) -> dict[int, nn.Module]:
        name = f"{self._name}.{place}"
        first, second, kernel = conv_shape(self._state, name)
        if kernel == _OUTER_KERNEL:
            conv: nn.Module = conv_at(self._state, name, bias=True)
            layers: dict[int, nn.Module] = {place - 1: nn.ReflectionPad2d(kernel // 2), place: conv}
            if self._last and place == self._convs[-1]:
                return layers | {place + 1: nn.Tanh()}
        elif self._blocks and place > self._blocks[-1]:
            layers = {place: nn.ConvTranspose2d(first, second, kernel, 2, 1, output_padding=1)}
            first = second
        else:
            layers = {place: conv_at(self._state, name, stride=2, padding=1, bias=True)}
        norm = norm_at(self._state, f"{self._name}.{place + 1}", first, bias=True, mode=self._mode)
        return layers | {place + 1: norm, place + 2: nn.ReLU()}

    @property
    def returns(self) -> int:
        """How many channels come out of the last convolution."""
        return conv_shape(self._state, f"{self._name}.{self._convs[-1]}")[0] if self._convs else 0

    @property
    def halvings(self) -> int:
        """How often this chain halves the picture."""
        inside = [place for place in self._convs if not self._blocks or place < self._blocks[0]]
        return len(inside) - 1


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _detect(state):
        raise CheckpointError("is no pix2pixHD local enhancer")
    state = renamed_blocks(state)
    enhancers, mode = _enhancers(state), str(BATCH_NORM.read(config).value)
    names = ["model", *(f"model{n}_{half}" for n in range(1, enhancers + 1) for half in (1, 2))]
    readers = {name: _Reader(state, name, mode, last=name == f"model{enhancers}_2") for name in names}
    module = _LocalEnhancer({name: reader.chain() for name, reader in readers.items()})
    load_strictly(module, state, "a pix2pixHD local enhancer")
    halvings = readers["model"].halvings + enhancers
    channels = conv_shape(state, "model.1")[1], readers[names[-1]].returns
    inferred = (
        HyperParameter(name="width", value=conv_shape(state, f"{names[-2]}.1")[0], origin="tensor"),
        HyperParameter(name="halvings", value=halvings, origin="tensor"),
        HyperParameter(name="enhancers", value=enhancers, origin="tensor"),
        norm_fact(state, config),
        HyperParameter(name="padding", value="reflection", origin="default"),
        HyperParameter(name="last activation", value="tanh", origin="default"),
    )
    facts = {"size_multiple": 2**halvings, "minimum_size": 2 ** (halvings + 1)}
    return translator_network(module, channels, facts, inferred)


FAMILY = Family(
    id="pix2pixhd-local",
    title="pix2pixHD local enhancer",
    kind="style",
    licence=HD_LICENCE,
    detect=_detect,
    rebuild=_rebuild,
    settings=(BATCH_NORM,),
    signature=("model1_1.1.weight", "model1_2.*", "model.1.weight"),
)
