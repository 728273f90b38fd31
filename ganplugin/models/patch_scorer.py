"""PatchGAN (Isola et al. 2017): a discriminator that judges overlapping patches, as CycleGAN, pix2pix and CUT train it.

One chain ``model.<i>`` of 4 x 4 convolutions; CUT blurs before each halving, forks with spectral norm often leave out
the other norms. pix2pix's other discriminator judges single pixels: a chain ``net.<i>`` of three 1 x 1 convolutions.
The score is the mean over patches or pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.blur import BlurDown
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels
from ganplugin.models.spectral_norm import folded, folded_names
from ganplugin.models.translation import conv_shape, load_strictly, norm_at

__all__ = ["FAMILY", "SIZE", "PatchScorer", "patch_network"]

SIZE: Final = 256
"""Side in pixels at which pictures are judged: these networks take any, and their own training crops to 256."""

_CHANNELS: Final = (1, 3)
_CONV: Final = re.compile(r"^model\.(\d+)\.weight$")
_FILTER: Final = re.compile(r"^model\.(\d+)\.filt$")
_PIXEL_CONVS: Final = ("net.0", "net.2", "net.5")
_SLOPE: Final = 0.2


class PatchScorer(nn.Module):
    """Pictures 0..1 [batch, channels, h, w] to the mean of their patches' scores [batch]."""

    def __init__(self, model: nn.Sequential) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Return one score a picture; what training would squash by a sigmoid is left as it is."""
        patches: Tensor = self.model(image * 2 - 1)
        return patches.mean(dim=(1, 2, 3))


@dataclass(frozen=True)
class _Chain:
    """The places of the convolutions; all but the last two halve, by their stride or by the blur after them."""

    convs: tuple[int, ...]
    blurred: bool
    normed: bool


def _chain(state: StateDict) -> _Chain | None:
    state = folded_names(state)
    convs = {int(m[1]): tensor for key, tensor in state.items() if (m := _CONV.match(key)) and tensor.ndim == 4}
    filters = {int(m[1]) for key, tensor in state.items() if (m := _FILTER.match(key)) and tensor.ndim == 4}
    places = tuple(sorted(convs))
    if len(places) < 3 or any(tuple(tensor.shape[2:]) != (4, 4) for tensor in convs.values()):
        return None
    halvings = len(places) - 2
    blurs = tuple(2 + 4 * i for i in range(halvings))
    blurred = (0, *(i + 1 for i in blurs), blurs[-1] + 4)
    ways = {blurred: set(blurs)} if filters else {_places(halvings, 3): set(), _places(halvings, 2): set()}
    # The last convolution of a DCGAN's discriminator has no bias.
    ends = all(f"model.{place}.bias" in state for place in (0, places[-1]))
    if ways.get(places) != filters or not ends or convs[places[-1]].shape[0] != 1:
        return None
    return _Chain(places, bool(filters), places != _places(halvings, 2))


def _places(halvings: int, step: int) -> tuple[int, ...]:
    """Return where the convolutions of a chain without blurs stand: with norms between them (3), or without (2)."""
    return (0, *range(2, step * halvings + 3, step))


def _is_pixelwise(state: StateDict) -> bool:
    plain = folded_names(state)
    return all(f"{name}.weight" in plain and plain[f"{name}.weight"].shape[2:] == (1, 1) for name in _PIXEL_CONVS)


def _patches(state: StateDict, chain: _Chain) -> nn.Sequential:
    layers: list[nn.Module] = []
    inner_bias = f"model.{chain.convs[1]}.bias" in state
    for index, place in enumerate(chain.convs):
        after, before, _ = conv_shape(state, f"model.{place}")
        halves, last = index < len(chain.convs) - 2, index == len(chain.convs) - 1
        bias = inner_bias or index == 0 or last
        layers.append(nn.Conv2d(before, after, 4, 2 if halves and not chain.blurred else 1, 1, bias=bias))
        if index > 0 and not last and chain.normed:
            layers.append(norm_at(state, f"model.{place + 1}", after, bias=bias, mode="eval"))
        if not last:
            layers.append(nn.LeakyReLU(_SLOPE))
        if halves and chain.blurred:
            layers.append(BlurDown(after, 3))
    return nn.Sequential(*layers)


def _pixels(state: StateDict) -> nn.Sequential:
    first, second, last = (
        nn.Conv2d(before, after, 1, bias=f"{name}.bias" in state)
        for name in ("model.0", "model.2", "model.5")
        for after, before, _ in [conv_shape(state, name)]
    )
    norm = norm_at(state, "model.3", second.out_channels, bias=second.bias is not None, mode="eval")
    return nn.Sequential(first, nn.LeakyReLU(_SLOPE), second, norm, nn.LeakyReLU(_SLOPE), last)


def patch_network(state: StateDict) -> nn.Sequential:
    """Return the chain of a file with its weights, for pictures -1..1 [batch, channels, h, w] to patches.

    Raises `CheckpointError` for other layouts, and if a tensor is missing, left over or misshapen.
    """
    chain = _chain(state)
    if chain is None and not _is_pixelwise(state):
        raise CheckpointError("is no PatchGAN discriminator")
    state = {re.sub(r"^net\.", "model.", key): tensor for key, tensor in folded(state).items()}
    network = _pixels(state) if chain is None else _patches(state, chain)
    load_strictly(PatchScorer(network), state, "a PatchGAN discriminator")
    return network


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    network = patch_network(state)
    chain, state = _chain(state), {re.sub(r"^net\.", "model.", key): tensor for key, tensor in folded(state).items()}
    channels = state["model.0.weight"].shape[1]
    if channels not in _CHANNELS:
        raise CheckpointError(
            f"judges {channels} channels at once: a picture together with what it was made from",
            fix="export the generator of the pair alone; only discriminators of single pictures can be scorers",
        )
    return Network(
        kind="scorer",
        module=eval_mode(PatchScorer(network)),
        inputs=(GraphInput("image", ("batch", channels, SIZE, SIZE)),),
        outputs=("score",),
        facts={"channels": picture_channels(channels), "width": SIZE, "height": SIZE},
        inferred=(
            HyperParameter(name="width", value=state["model.0.weight"].shape[0], origin="tensor"),
            HyperParameter(name="halvings", value=0 if chain is None else len(chain.convs) - 2, origin="tensor"),
            HyperParameter(name="blurred", value=chain is not None and chain.blurred, origin="tensor"),
            HyperParameter(name="picture side", value=SIZE, origin="default"),
            HyperParameter(name="score", value="mean over the patches", origin="default"),
            HyperParameter(name="leaky slope", value=_SLOPE, origin="default"),
        ),
    )


FAMILY = Family(
    id="patchgan-scorer",
    title="PatchGAN discriminator",
    kind="scorer",
    licence="The rights in the weights are those of whoever trained them; CycleGAN's and CUT's code is BSD.",
    detect=lambda state: _chain(state) is not None or _is_pixelwise(state),
    rebuild=_rebuild,
)
