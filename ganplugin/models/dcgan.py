"""DCGAN (Radford et al. 2015) in the layout of PyTorch's example and tutorial: one chain of 4 x 4 convolutions.

Sizes are read from the tensors: any depth, width, latent size and number of channels. Keys are ``main.<i>.weight``;
other names than ``main`` are accepted for generators, whose transposed convolutions leave no doubt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode

__all__ = ["FAMILIES", "FAMILY", "SCORER_FAMILY", "DcganDiscriminator", "DcganGenerator"]

_KERNEL: Final = (4, 4)
_CHANNELS: Final = {1: "L", 3: "RGB", 4: "RGBA"}
_WEIGHT: Final = re.compile(r"^(\w+)\.(\d+)\.weight$")
_LICENCE: Final = "The example code is BSD-3-Clause; the rights in the weights are those of whoever trained them."


class DcganGenerator(nn.Module):
    """z [batch, widths[0]] to pictures 0..1 [batch, widths[-1], size, size], size = 4 * 2 ** (len(widths) - 2)."""

    def __init__(self, widths: tuple[int, ...], *, bias: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(pairwise(widths)):
            stride, padding = (1, 0) if index == 0 else (2, 1)
            layers.append(nn.ConvTranspose2d(before, after, 4, stride, padding, bias=bias))
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
        self.main = nn.Sequential(*layers[:-2], nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Return pictures 0..1 of z [batch, widths[0]]."""
        pictures: Tensor = self.main(z[:, :, None, None])
        return pictures * 0.5 + 0.5


class DcganDiscriminator(nn.Module):
    """Pictures 0..1 [batch, widths[0], size, size] to one score each [batch].

    The score is the logit, before the sigmoid that training applies: it does not saturate, and ranks the same.
    """

    def __init__(self, widths: tuple[int, ...], *, bias: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(widths[0], widths[1], 4, 2, 1, bias=bias), nn.LeakyReLU(0.2)]
        for before, after in pairwise(widths[1:-1]):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=bias), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        self.main = nn.Sequential(*layers, nn.Conv2d(widths[-2], widths[-1], 4, 1, 0, bias=bias))

    def forward(self, image: Tensor) -> Tensor:
        """Return the logit [batch] of each picture."""
        logits: Tensor = self.main(image * 2 - 1)
        return logits.flatten()


@dataclass(frozen=True)
class _Chain:
    """The convolutions of a checkpoint: the name before the index, and the channels between them."""

    name: str
    widths: tuple[int, ...]
    bias: bool

    @property
    def size(self) -> int:
        return 4 << (len(self.widths) - 2)


def _convolutions(state: StateDict) -> tuple[str, list[tuple[int, Tensor]]] | None:
    found = [(match, tensor) for key, tensor in state.items() if (match := _WEIGHT.match(key)) and tensor.ndim == 4]
    names = {match[1] for match, _ in found}
    if len(found) < 2 or len(names) != 1 or any(tuple(tensor.shape[2:]) != _KERNEL for _, tensor in found):
        return None
    return names.pop(), sorted(((int(match[2]), tensor) for match, tensor in found), key=lambda pair: pair[0])


def _generator_chain(state: StateDict) -> _Chain | None:
    found = _convolutions(state)
    if found is None:
        return None
    name, layers = found
    widths = (layers[0][1].shape[0], *(tensor.shape[1] for _, tensor in layers))
    chained = all(tensor.shape[0] == width for (_, tensor), width in zip(layers, widths, strict=False))
    normed = all(_length(state, f"{name}.{3 * i + 1}.running_mean") == widths[i + 1] for i in range(len(layers) - 1))
    if not (chained and normed and [index for index, _ in layers] == list(range(0, 3 * len(layers), 3))):
        return None
    return _Chain(name, widths, f"{name}.0.bias" in state)


def _scorer_chain(state: StateDict) -> _Chain | None:
    found = _convolutions(state)
    if found is None or found[0] != "main" or len(found[1]) < 3:
        return None
    name, layers = found
    widths = (layers[0][1].shape[1], *(tensor.shape[0] for _, tensor in layers))
    chained = all(tensor.shape[1] == width for (_, tensor), width in zip(layers, widths, strict=False))
    normed = all(_length(state, f"{name}.{3 * i}.running_mean") == widths[i + 1] for i in range(1, len(layers) - 1))
    expected = [0, *range(2, 3 * len(layers) - 3, 3)]
    if not (chained and normed and widths[-1] == 1 and [index for index, _ in layers] == expected):
        return None
    return _Chain(name, widths, f"{name}.0.bias" in state)


def _length(state: StateDict, key: str) -> int | None:
    return state[key].numel() if key in state else None


def _loaded(module: nn.Module, chain: _Chain, state: StateDict) -> nn.Module:
    renamed = {key.replace(f"{chain.name}.", "main.", 1): tensor for key, tensor in state.items()}
    try:
        module.load_state_dict(renamed)
    except RuntimeError as error:
        raise CheckpointError(
            f"is almost a DCGAN, but: {error}", fix="export the plain networks of the example"
        ) from error
    return eval_mode(module)


def _channels(count: int) -> str:
    if count not in _CHANNELS:
        raise CheckpointError(f"makes pictures of {count} channels", fix="only grey, RGB and RGBA can be shown")
    return _CHANNELS[count]


def _facts(channels: int, size: int) -> dict[str, object]:
    return {"channels": _channels(channels), "width": size, "height": size}


def _rebuild_generator(state: StateDict, config: Mapping[str, object]) -> Network:
    chain = _generator_chain(state)
    if chain is None:
        raise CheckpointError("is no DCGAN generator")
    return Network(
        kind="generator",
        module=_loaded(DcganGenerator(chain.widths, bias=chain.bias), chain, state),
        inputs=(GraphInput("z", ("batch", chain.widths[0])),),
        outputs=("image",),
        facts={"z_dim": chain.widths[0], **_facts(chain.widths[-1], chain.size)},
        inferred=(
            HyperParameter(name="latent size", value=chain.widths[0], origin="tensor"),
            HyperParameter(name="widths", value=", ".join(map(str, chain.widths[1:-1])), origin="tensor"),
            HyperParameter(name="picture side", value=chain.size, origin="tensor"),
            HyperParameter(name="channels", value=chain.widths[-1], origin="tensor"),
            HyperParameter(name="last activation", value="tanh", origin="default"),
            HyperParameter(name="norm epsilon", value=1e-5, origin="default"),
        ),
    )


def _rebuild_scorer(state: StateDict, config: Mapping[str, object]) -> Network:
    chain = _scorer_chain(state)
    if chain is None:
        raise CheckpointError("is no DCGAN discriminator")
    return Network(
        kind="scorer",
        module=_loaded(DcganDiscriminator(chain.widths, bias=chain.bias), chain, state),
        inputs=(GraphInput("image", ("batch", chain.widths[0], chain.size, chain.size)),),
        outputs=("score",),
        facts=_facts(chain.widths[0], chain.size),
        inferred=(
            HyperParameter(name="widths", value=", ".join(map(str, chain.widths[1:-1])), origin="tensor"),
            HyperParameter(name="picture side", value=chain.size, origin="tensor"),
            HyperParameter(name="channels", value=chain.widths[0], origin="tensor"),
            HyperParameter(name="score", value="the logit, before the sigmoid", origin="default"),
            HyperParameter(name="leaky slope", value=0.2, origin="default"),
        ),
    )


FAMILY = Family(
    id="dcgan",
    title="DCGAN generator",
    kind="generator",
    licence=_LICENCE,
    detect=lambda state: _generator_chain(state) is not None,
    rebuild=_rebuild_generator,
)

SCORER_FAMILY = Family(
    id="dcgan-scorer",
    title="DCGAN discriminator",
    kind="scorer",
    licence=_LICENCE,
    detect=lambda state: _scorer_chain(state) is not None,
    rebuild=_rebuild_scorer,
)

FAMILIES = (FAMILY, SCORER_FAMILY)
