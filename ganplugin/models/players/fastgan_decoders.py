"""The decoders that keep FastGAN's discriminator from looking at a few features only.

Liu et al. 2021, section 3.2: what the maps hold of a real picture must be enough to draw it again, whole and in part.
They serve in training alone. The paper writes the distance as a norm and its code takes a perceptual one, by a network
trained elsewhere; here it is the norm, of levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.models.fastgan_scorer import FastganDiscriminator, FastganMaps

__all__ = ["DECODERS", "FastganDecoders", "decoder_widths", "fresh_widths"]

DECODERS: Final = ("decoder_big", "decoder_part", "decoder_small")
_SIDE: Final = 8
_LARGEST: Final = 128
_PARTS: Final = (8, 16, 16, 32)
"""What part of the 8 x 8 map's channels maps of 16, 32, 64 and 128 have: the paper's code has 64, 32, 32, 16 of 512."""


class _Doubling(nn.Sequential):
    """Doubles the sides of maps."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(before, 2 * after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(2 * after),
            nn.GLU(dim=1),
        )


class _Decoder(nn.Module):
    """Maps [batch, widths[0], h, w] to pictures -1..1, with a doubling for each further width."""

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        doublings = [_Doubling(before, after) for before, after in pairwise(widths)]
        self.main = nn.Sequential(
            nn.AdaptiveAvgPool2d(_SIDE), *doublings, nn.Conv2d(widths[-1], channels, 3, 1, 1, bias=False), nn.Tanh()
        )

    def forward(self, maps: Tensor) -> Tensor:
        drawn: Tensor = self.main(maps)
        return drawn


class FastganDecoders(nn.Module):
    """One decoder for each map: of the large view, of a quarter of it, of the small view.

    ``widths`` are those of each decoder's maps, first of what it is given; pictures have ``channels``.
    """

    def __init__(self, widths: Mapping[str, Sequence[int]], channels: int) -> None:
        super().__init__()
        for name in DECODERS:
            self.add_module(name, _Decoder(widths[name], channels))

    def forward(self, maps: FastganMaps, image: Tensor) -> Tensor:
        """Return how far the pictures 0..1 that the maps are of lie from what is drawn of them: the sum of the means.

        Which quarter is drawn larger is left to torch's random state.
        """
        right, lower = torch.randint(2, (2,)).tolist()
        pieces = {
            "decoder_big": (maps.big, image),
            "decoder_part": (_quarter(maps.half, lower, right), _quarter(image, lower, right)),
            "decoder_small": (maps.small, image),
        }
        distances = [_distance(self.get_submodule(name)(seen), shown) for name, (seen, shown) in pieces.items()]
        return torch.stack(distances).sum()


def _quarter(maps: Tensor, lower: int, right: int) -> Tensor:
    rows, columns = maps.shape[2] // 2, maps.shape[3] // 2
    return maps[:, :, lower * rows : (lower + 1) * rows, right * columns : (right + 1) * columns]


def _distance(drawn: Tensor, image: Tensor) -> Tensor:
    wanted = F.interpolate(image * 2 - 1, size=drawn.shape[2:], mode="bilinear", align_corners=False, antialias=True)
    return (drawn.float() - wanted).abs().mean()


def fresh_widths(network: FastganDiscriminator) -> dict[str, tuple[int, ...]]:
    """Return widths of decoders for a discriminator's maps, which draw pictures of its side but at most 128."""
    last = cast(nn.Conv2d, network.get_submodule(f"downs.down_{network.divisors[-1]}.direct.1"))
    small = network.rf_small.in_channels
    doublings = (min(network.size, _LARGEST) // _SIDE).bit_length() - 1
    after = tuple(max(2, last.out_channels // part) for part in _PARTS[:doublings])
    seen = {"decoder_big": last.out_channels, "decoder_part": last.in_channels, "decoder_small": small}
    return {name: (before, *after) for name, before in seen.items()}


def decoder_widths(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the widths of the decoders of a file, under any names of its spectral norms; none if it lacks one."""
    widths = {name: _widths(state, name) for name in DECODERS}
    return widths if all(widths.values()) else {}


def _widths(state: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    found: list[int] = []
    for index in range(1, _LARGEST // _SIDE):
        convolution = next((one for key, one in state.items() if _is_weight(key, f"{name}.main.{index}.1")), None)
        if convolution is None:
            break
        found += ([] if found else [convolution.shape[1]]) + [convolution.shape[0] // 2]
    return tuple(found)


def _is_weight(key: str, layer: str) -> bool:
    return key in (f"{layer}.weight", f"{layer}.weight_orig", f"{layer}.parametrizations.weight.original")
