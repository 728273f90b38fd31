"""PatchGAN (Isola et al. 2017): a discriminator that judges overlapping patches, as CycleGAN, pix2pix and CUT train it.

One chain ``model.<i>`` of 4 x 4 convolutions; CUT blurs before each halving. The score is the mean over the patches.
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
from ganplugin.models.translation import conv_shape, load_strictly, norm_at

__all__ = ["FAMILY", "SIZE", "PatchScorer"]

SIZE: Final = 256
"""Side in pixels at which pictures are judged: these networks take any, and their own training crops to 256."""

_MOST_CHANNELS: Final = 4
_CONV: Final = re.compile(r"^model\.(\d+)\.weight$")
_FILTER: Final = re.compile(r"^model\.(\d+)\.filt$")


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


def _chain(state: StateDict) -> _Chain | None:
    convs = {int(m[1]): tensor for key, tensor in state.items() if (m := _CONV.match(key)) and tensor.ndim == 4}
    filters = {int(m[1]) for key, tensor in state.items() if (m := _FILTER.match(key)) and tensor.ndim == 4}
    places = tuple(sorted(convs))
    if len(places) < 3 or any(tuple(tensor.shape[2:]) != (4, 4) for tensor in convs.values()):
        return None
    halvings = len(places) - 2
    plain = (0, *range(2, 3 * halvings + 3, 3))
    blurs = tuple(2 + 4 * i for i in range(halvings))
    blurred = (0, *(i + 1 for i in blurs), blurs[-1] + 4)
    wanted, found = (blurred, set(blurs)) if filters else (plain, set())
    # The last convolution of a DCGAN's discriminator has no bias.
    ends = all(f"model.{place}.bias" in state for place in (0, places[-1]))
    if places != wanted or filters != found or not ends or convs[places[-1]].shape[0] != 1:
        return None
    return _Chain(places, bool(filters))


def _modules(state: StateDict, chain: _Chain) -> nn.Sequential:
    layers: list[nn.Module] = []
    inner_bias = f"model.{chain.convs[1]}.bias" in state
    for index, place in enumerate(chain.convs):
        after, before, _ = conv_shape(state, f"model.{place}")
        halves, last = index < len(chain.convs) - 2, index == len(chain.convs) - 1
        bias = inner_bias or index == 0 or last
        layers.append(nn.Conv2d(before, after, 4, 2 if halves and not chain.blurred else 1, 1, bias=bias))
        if index > 0 and not last:
            layers.append(norm_at(state, f"model.{place + 1}", after, bias=bias, mode="eval"))
        if not last:
            layers.append(nn.LeakyReLU(0.2))
        if halves and chain.blurred:
            layers.append(BlurDown(after, 3))
    return nn.Sequential(*layers)


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    chain = _chain(state)
    if chain is None:
        raise CheckpointError("is no PatchGAN discriminator")
    channels = state["model.0.weight"].shape[1]
    if channels > _MOST_CHANNELS:
        raise CheckpointError(
            f"judges {channels} channels at once (a picture together with what it was made from)",
            fix="only discriminators of single pictures can be scorers",
        )
    module = PatchScorer(_modules(state, chain))
    load_strictly(module, state, "a PatchGAN discriminator")
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, SIZE, SIZE)),),
        outputs=("score",),
        facts={"channels": picture_channels(channels), "width": SIZE, "height": SIZE},
        inferred=(
            HyperParameter(name="width", value=state["model.0.weight"].shape[0], origin="tensor"),
            HyperParameter(name="halvings", value=len(chain.convs) - 2, origin="tensor"),
            HyperParameter(name="blurred", value=chain.blurred, origin="tensor"),
            HyperParameter(name="picture side", value=SIZE, origin="default"),
            HyperParameter(name="score", value="mean over the patches", origin="default"),
            HyperParameter(name="leaky slope", value=0.2, origin="default"),
        ),
    )


FAMILY = Family(
    id="patchgan-scorer",
    title="PatchGAN discriminator",
    kind="scorer",
    licence="The rights in the weights are those of whoever trained them; CycleGAN's and CUT's code is BSD.",
    detect=lambda state: _chain(state) is not None,
    rebuild=_rebuild,
)
