"""Picture-to-picture GANs in training: ResNet and U-Net generators, and discriminators that judge patches.

New ResNets are CUT's (Park et al. 2020): convolutions, and blurs where values are dropped or doubled (Zhang 2019). New
U-Nets are pix2pix's (Isola et al. 2017), whose doublings repeat values and then convolve. So neither leaves a
checkerboard. Those of files keep their own way of doubling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError, InputError
from ganplugin.models import resnet_translator, unet_translator
from ganplugin.models.blur import BlurDown, BlurUp
from ganplugin.models.network import Family, StateDict
from ganplugin.models.patch_scorer import patch_network
from ganplugin.models.players.resized import Resized, keep_resized, plain_state
from ganplugin.models.resnet_translator import ResidualBlock
from ganplugin.models.translation import SignedTranslator
from ganplugin.models.unet_translator import UnetLevel

__all__ = [
    "TRANSLATORS",
    "PatchJudge",
    "Translator",
    "fresh_judge",
    "fresh_resnet",
    "fresh_unet",
    "loaded_judge",
    "loaded_translator",
]

AnyModule = TypeVar("AnyModule", bound=nn.Module)

TRANSLATORS: Mapping[str, Family] = {
    family.id: family for family in (*resnet_translator.FAMILIES[:2], unet_translator.FAMILY)
}
"""The families whose generators can be trained, by id."""

_HALVINGS = 2
_SPREAD = 0.02
_SLOPE = 0.2
_FOURTH, _FIFTH = 4, 4


class Translator(nn.Module):
    """A generator in training: pictures 0..1 [batch, 3, h, w] to pictures 0..1. Sides are multiples of ``multiple``.

    ``config`` is what the family needs to know beside tensors.
    """

    def __init__(self, network: nn.Module, family: str, multiple: int, config: Mapping[str, object]) -> None:
        super().__init__()
        # Norms that keep running statistics hold those of the file: a batch of one picture has none worth keeping.
        self.network = network.eval()
        self.family, self.multiple, self.config = family, multiple, config

    def forward(self, photos: Tensor) -> Tensor:
        """Return the translated pictures."""
        made: Tensor = self.network(photos * 2 - 1)
        return made * 0.5 + 0.5

    def encode(self, photos: Tensor) -> list[Tensor]:
        """Return the features that PatchNCE compares; nothing beyond the last of them is computed.

        Of a ResNet those of Park et al. 2020, section 4.1 and appendix C.1: the padded picture itself, both halving
        convolutions, the first and the fifth residual block (the last, where there are fewer). Of a U-Net the picture
        and its maps on the way down, before each further halving, up to the fourth.
        """
        model, signed = self.network.model, photos * 2 - 1
        if isinstance(model, UnetLevel):
            return _way_down(model, signed)
        return _along(list(model) if isinstance(model, nn.Sequential) else [], signed)

    def widths(self) -> tuple[int, ...]:
        """Return the channels of each of the features that `encode` gives."""
        side, device = 4 * self.multiple, next(self.parameters()).device
        with torch.no_grad():
            return tuple(layer.shape[1] for layer in self.encode(torch.zeros(1, 3, side, side, device=device)))

    def file_state(self) -> dict[str, Tensor]:
        """Return the tensors under names that the family's files have."""
        return plain_state(self.network)


def _way_down(level: UnetLevel, maps: Tensor) -> list[Tensor]:
    features = [maps]
    while (inner := level.inner) is not None and len(features) <= _FOURTH:
        features.append(level.down(features[-1]))
        level = inner
    return features


def _along(layers: Sequence[nn.Module], maps: Tensor) -> list[Tensor]:
    blocks = [place for place, layer in enumerate(layers) if isinstance(layer, ResidualBlock)]
    convolutions = [place for place, layer in enumerate(layers[: blocks[0]]) if isinstance(layer, nn.Conv2d)]
    taps = sorted({0, *convolutions[1:], blocks[0], blocks[min(_FIFTH, len(blocks) - 1)]})
    features = []
    for place, layer in enumerate(layers[: taps[-1] + 1]):
        maps = layer(maps)
        if place in taps:
            features.append(maps)
    return features


class PatchJudge(nn.Module):
    """A discriminator in training: pictures 0..1 [batch, channels, h, w] to a score for each patch [batch, 1, h', w'].

    Six channels are a photo and a picture of it (Isola et al. 2017, section 3.2.2: a conditional discriminator).
    """

    def __init__(self, model: nn.Sequential) -> None:
        super().__init__()
        self.model = model.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the patches' scores."""
        scores: Tensor = self.model(pictures * 2 - 1)
        return scores

    @property
    def channels(self) -> int:
        """How many channels are judged at once."""
        return int(next(self.parameters()).shape[1])

    def file_state(self) -> dict[str, Tensor]:
        """Return the tensors under the names that the family's files have."""
        return self.state_dict()


class _Chain(nn.Module):
    """What lies under ``model`` in a file."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Return what the chain makes."""
        made: Tensor = self.model(x)
        return made


def fresh_resnet(width: int, blocks: int) -> Translator:
    """Return a new generator: two halvings, ``blocks`` residual blocks, two doublings (Park et al. 2020: 64 and 9)."""
    if blocks < 1:
        raise InputError(f"a generator of {blocks} residual blocks is none", fix="use --blocks 1 or more")
    widths = [width * 2**level for level in range(_HALVINGS + 1)]
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), *_normed(width)]
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, padding=1), *_normed(after), _blur_down(after)]
    layers += [_block(widths[-1]) for _ in range(blocks)]
    for before, after in pairwise(reversed(widths)):
        layers += [_blur_up(before), nn.Conv2d(before, after, 3, padding=1), *_normed(after)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
    return Translator(_started(_Chain(nn.Sequential(*layers))), "cut-resnet", 2**_HALVINGS, {})


def _normed(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(channels), nn.ReLU()


def _block(width: int) -> ResidualBlock:
    first = (nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), *_normed(width))
    return ResidualBlock(
        nn.Sequential(*first, nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width))
    )


def _blur_down(channels: int) -> BlurDown:
    layer = BlurDown(channels, 3)
    layer.filt.copy_(_kernel((1, 2, 1)))
    return layer


def _blur_up(channels: int) -> BlurUp:
    layer = BlurUp(channels, 4)
    layer.filt.copy_(4 * _kernel((1, 3, 3, 1)))  # doubling leaves three of four values empty
    return layer


def _kernel(row: Sequence[int]) -> Tensor:
    taps = torch.tensor(row, dtype=torch.float32)
    return taps[:, None] * taps / taps.sum() ** 2


def fresh_judge(width: int, channels: int, halvings: int) -> PatchJudge:
    """Return a new discriminator with ``halvings`` (three: patches of 70 px, Isola et al. 2017, section 6.1.2)."""
    widths = [width * min(2**level, 8) for level in range(halvings + 1)]
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, padding=1), nn.LeakyReLU(_SLOPE), _blur_down(width)]
    for level, (before, after) in enumerate(pairwise(widths), start=1):
        layers += [nn.Conv2d(before, after, 4, padding=1), nn.InstanceNorm2d(after), nn.LeakyReLU(_SLOPE)]
        layers += [_blur_down(after)] if level < halvings else []
    layers.append(nn.Conv2d(widths[-1], 1, 4, padding=1))
    return PatchJudge(_started(nn.Sequential(*layers)))


def fresh_unet(width: int, halvings: int) -> Translator:
    """Return a new pix2pix generator with ``halvings`` levels (Isola et al. 2017, appendix 6.1.1: 64 and 8).

    Its doublings are transposed convolutions of 4 x 4, as the family has them, that keep to enlarging by repetition.
    """
    widths, name = [width * min(2**level, 8) for level in range(halvings)], "model.model"
    shapes = {f"{name}.0": (width, 3), f"{name}.3": (2 * width, 3)}
    for level, (before, within) in enumerate(pairwise(widths), start=1):
        name += ".1.model" if level == 1 else ".3.model"
        deepest = level == halvings - 1
        shapes |= {f"{name}.1": (within, before), f"{name}.{3 if deepest else 5}": (within * (2 - deepest), before)}
    state = {f"{layer}.weight": _kernels(layer, shape) for layer, shape in shapes.items()}
    biases = {f"{layer}.bias": torch.zeros(_outputs(layer, shape)) for layer, shape in shapes.items()}
    return loaded_translator(unet_translator.FAMILY, state | biases, {unet_translator.PADDING.name: "replicate"})


def _kernels(layer: str, shape: tuple[int, int]) -> Tensor:
    if _halves(layer):
        return torch.randn(*shape, 4, 4) * _SPREAD
    return Resized().forward(torch.randn(*shape, 3, 3) * _SPREAD)


def _outputs(layer: str, shape: tuple[int, int]) -> int:
    return shape[0] if _halves(layer) else shape[1]


def _halves(layer: str) -> bool:
    """Tell whether a convolution of a U-Net halves its map: the first of a level does, the other doubles it."""
    return layer.endswith((".0", ".1"))


def loaded_translator(family: Family, state: StateDict, config: Mapping[str, object]) -> Translator:
    """Return the generator of a file. Raises `CheckpointError` if it is not one of RGB to RGB, or damaged."""
    built = family.rebuild(state, config)
    module = built.module
    if not isinstance(module, SignedTranslator) or module.takes_grey or built.facts["channels"] != "RGB":
        raise CheckpointError("is no generator from RGB to RGB", fix="start anew, without --from")
    keep_resized(module.network)
    settings = {setting.key or setting.name: setting.read(config).value for setting in family.settings}
    return Translator(module.network.requires_grad_(True), family.id, int(str(built.facts["size_multiple"])), settings)


def loaded_judge(state: StateDict) -> PatchJudge:
    """Return the discriminator of a file. Raises `CheckpointError` if it is none of patches."""
    return PatchJudge(patch_network(state))


def _started(module: AnyModule) -> AnyModule:
    """Draw the weights as Isola et al. 2017, section 6.2, do: normal with 0.02, biases zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, 0.0, _SPREAD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module
