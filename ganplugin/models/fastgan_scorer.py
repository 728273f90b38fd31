"""FastGAN's discriminator (Liu et al. 2021) as a scorer: two views of a picture, each judged patch by patch.

Written from the paper and the tensors' shapes. The decoders that training teaches it with play no part in the score.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.fastgan import Excitation
from ganplugin.models.network import MAKERS_RIGHTS, Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.spectral_norm import folded, is_normed

__all__ = ["FAMILY", "FastganDiscriminator", "FastganMaps"]

_END: Final = 8
"""The side of the map that the large view's last layers see, whatever the size of the pictures."""

_SLOPE: Final = 0.2
_DOWN: Final = (4, 8, 16, 32, 64)
"""The halvings after the entrance, as many as the pictures need: all five from 256 px up, three at 64 px."""

_EXCITED: Final = {16: 2, 32: 4, 64: 8}
"""The map of this divisor (of 512, where there are five) is scaled by what the map of that divisor says."""

_DECODERS: Final = re.compile(r"^decoder_\w+\.")


def _convolved(state: StateDict, name: str, stride: int, padding: int) -> nn.Conv2d:
    shape = state[f"{name}.weight"].shape
    return nn.Conv2d(shape[1], shape[0], shape[2], stride, padding, bias=False)


def _normed(state: StateDict, name: str) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(state[f"{name}.weight"].shape[0])


class _Halving(nn.Module):
    """Halves the sides on two ways, one deep and one direct, and returns their mean."""

    def __init__(self, state: StateDict, name: str) -> None:
        super().__init__()
        self.main = nn.Sequential(
            _convolved(state, f"{name}.main.0", 2, 1),
            _normed(state, f"{name}.main.1"),
            nn.LeakyReLU(_SLOPE),
            _convolved(state, f"{name}.main.3", 1, 1),
            _normed(state, f"{name}.main.4"),
            nn.LeakyReLU(_SLOPE),
        )
        self.direct = nn.Sequential(
            nn.AvgPool2d(2),
            _convolved(state, f"{name}.direct.1", 1, 0),
            _normed(state, f"{name}.direct.2"),
            nn.LeakyReLU(_SLOPE),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, after, h / 2, w / 2] for ``x`` [batch, before, h, w]."""
        mean: Tensor = (self.main(x) + self.direct(x)) / 2
        return mean


class _Plain(nn.Module):
    """Halves the sides with one convolution."""

    def __init__(self, state: StateDict, name: str) -> None:
        super().__init__()
        convolution, norm = _convolved(state, f"{name}.main.0", 2, 1), _normed(state, f"{name}.main.1")
        self.main = nn.Sequential(convolution, norm, nn.LeakyReLU(_SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, after, h / 2, w / 2] for ``x`` [batch, before, h, w]."""
        halved: Tensor = self.main(x)
        return halved


class FastganMaps(NamedTuple):
    """What the discriminator sees: the large view's maps of 16 x 16 and 8 x 8, and the last one of the small view."""

    half: Tensor
    big: Tensor
    small: Tensor


class FastganDiscriminator(nn.Module):
    """Pictures 0..1 [batch, channels, size, size] to one score each [batch]: the mean of the logits of both views.

    The small view has half the side of a picture of up to 256, and never more than 128.
    """

    def __init__(self, state: StateDict) -> None:
        super().__init__()
        self.down_from_big = _entrance(state)
        self.divisors = tuple(divisor for divisor in _DOWN if f"down_{divisor}.main.0.weight" in state)
        inner = _END * 2 ** len(self.divisors)
        self.size = inner * 2 ** sum(layer.stride == (2, 2) for layer in _convolutions(self.down_from_big))
        self.downs = nn.ModuleDict({f"down_{divisor}": _Halving(state, f"down_{divisor}") for divisor in self.divisors})
        self.excitations = nn.ModuleDict(
            {
                f"se_{by}_{of}": _excitation(state, f"se_{by}_{of}", 2 * inner // by)
                for of, by in _EXCITED.items()
                if of in self.divisors
            }
        )
        self.rf_big = nn.Sequential(
            _convolved(state, "rf_big.0", 1, 0),
            _normed(state, "rf_big.1"),
            nn.LeakyReLU(_SLOPE),
            _convolved(state, "rf_big.3", 1, 0),
        )
        self.down_from_small = nn.Sequential(
            _convolved(state, "down_from_small.0", 2, 1),
            nn.LeakyReLU(_SLOPE),
            *(_Plain(state, f"down_from_small.{index}") for index in _smaller(state)),
        )
        self.small = 2 * _END * 2 ** (len(self.down_from_small) - 2)
        self.rf_small = _convolved(state, "rf_small", 1, 0)

    def forward(self, image: Tensor) -> Tensor:
        """Return the score [batch] of each picture."""
        return self.views(image).mean(dim=1)

    def views(self, image: Tensor) -> Tensor:
        """Return the logits [batch, n] of both views of each picture."""
        return self.logits(self.maps(image))

    def maps(self, image: Tensor) -> FastganMaps:
        """Return what both views see in each picture."""
        step = self.size // self.small
        big = image * 2 - 1
        return self.maps_of(big, big[:, :, ::step, ::step])

    def maps_of(self, big: Tensor, small: Tensor) -> FastganMaps:
        """Return the maps of both views, -1..1: [batch, channels, size, size] and [batch, channels, small, small]."""
        seen = {2: self.down_from_big(big)}
        for divisor in self.divisors:
            x = self.downs[f"down_{divisor}"](seen[divisor // 2])
            if divisor in _EXCITED:
                by = _EXCITED[divisor]
                x = self.excitations[f"se_{by}_{divisor}"](seen[by], x)
            seen[divisor] = x
        *_, before, last = (seen[divisor] for divisor in self.divisors)
        return FastganMaps(before, last, self.down_from_small(small))

    def logits(self, maps: FastganMaps) -> Tensor:
        """Return the logits [batch, n] of both views."""
        views = (self.rf_big(maps.big), self.rf_small(maps.small))
        return torch.cat([view.flatten(1) for view in views], dim=1)


def _entrance(state: StateDict) -> nn.Sequential:
    """The layers that bring a picture of 1024 or 512 to a map of 256, or keep the side of a smaller one."""
    first = state["down_from_big.0.weight"]
    if first.shape[2] == 3:
        return nn.Sequential(_convolved(state, "down_from_big.0", 1, 1), nn.LeakyReLU(_SLOPE))
    layers = [_convolved(state, "down_from_big.0", 2, 1), nn.LeakyReLU(_SLOPE)]
    if "down_from_big.2.weight" in state:
        layers += [_convolved(state, "down_from_big.2", 2, 1), _normed(state, "down_from_big.3"), nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*layers)


def _smaller(state: StateDict) -> tuple[int, ...]:
    """The places of the halvings of the small view after the first."""
    return tuple(index for index in (2, 3, 4) if f"down_from_small.{index}.main.0.weight" in state)


def _convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.children() if isinstance(layer, nn.Conv2d)]


def _excitation(state: StateDict, name: str, side: int) -> Excitation:
    shape = state[f"{name}.main.1.weight"].shape
    return Excitation(shape[1], shape[0], side)


def _renamed(key: str) -> str:
    return re.sub(r"^(se_\d+_\d+)\.", r"excitations.\1.", re.sub(r"^(down_\d+)\.", r"downs.\1.", key))


def _detect(state: StateDict) -> bool:
    keys = ("down_from_big.0", "down_4.main.0", "down_16.direct.1", "se_2_16.main.1", "rf_big.0", "rf_small")
    return all(is_normed(state, key) for key in keys)


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _detect(state):
        raise CheckpointError("is no FastGAN discriminator")
    with rebuilding("a FastGAN discriminator", state):
        plain = folded({key: tensor for key, tensor in state.items() if not _DECODERS.match(key)})
        module = FastganDiscriminator(plain)
        module.load_state_dict({_renamed(key): tensor for key, tensor in plain.items()})
    channels = plain["down_from_big.0.weight"].shape[1]
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, module.size, module.size)),),
        outputs=("score",),
        facts={"channels": picture_channels(channels), "width": module.size, "height": module.size},
        inferred=(
            HyperParameter(name="picture side", value=module.size, origin="tensor"),
            HyperParameter(name="channels", value=channels, origin="tensor"),
            HyperParameter(name="leaky slope", value=_SLOPE, origin="default"),
            HyperParameter(name="score", value="the mean of the logits of both views", origin="default"),
        ),
    )


FAMILY = Family(
    id="fastgan-scorer",
    title="FastGAN discriminator",
    kind="scorer",
    licence=MAKERS_RIGHTS,
    detect=_detect,
    rebuild=_rebuild,
)
