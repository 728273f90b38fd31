"""AdaIN (Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time"): any photo in the manner of any picture.

Two files in the layout of its PyTorch port: a decoder (``decoder.pth``) and the normalised VGG encoder that it was
trained with (``vgg_normalised.pth``), of which the layers up to relu4_1 are used. Widths are read from the tensors.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.translation import conv_shape, load_strictly

__all__ = ["FAMILY", "AdaIN", "adapted", "default_style"]

_EPSILON: Final = 1e-5
_MULTIPLE: Final = 8
_STYLE_SIDE: Final = 64
_DECODER_CONVS: Final = (1, 5, 8, 11, 14, 18, 21, 25, 28)
_ENCODER_CONVS: Final = (2, 5, 9, 12, 16, 19, 22, 25, 29)
_PLACE: Final = re.compile(r"^(\d+)\.(weight|bias)$")


class AdaIN(nn.Module):
    """Photos 0..1 [batch, 3, h, w] in the manner of one picture, with sides rounded up to multiples of 8."""

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, content: Tensor, style: Tensor, strength: Tensor) -> Tensor:
        """Return photos in the manner of ``style`` [1, 3, any, any], ``strength`` [] 0..1 of the way."""
        features = self.encoder(content)
        features = features + strength * (adapted(features, self.encoder(style)) - features)
        painted: Tensor = self.decoder(features)
        return painted.clamp(0, 1)


def adapted(content: Tensor, style: Tensor) -> Tensor:
    """Return content features [batch, c, h, w] with the mean and deviation, channel by channel, of the style's."""
    (mean, deviation), (wanted_mean, wanted_deviation) = _statistics(content), _statistics(style)
    return (content - mean) / deviation * wanted_deviation + wanted_mean


def _statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    mean = features.mean(dim=(2, 3), keepdim=True)
    pixels = features.shape[2] * features.shape[3]
    # Paper and port divide by one less than the number of pixels.
    variance = (features - mean).square().sum(dim=(2, 3), keepdim=True) / (pixels - 1)
    return mean, torch.sqrt(variance + _EPSILON)


def _places(state: StateDict) -> tuple[int, ...]:
    found = {int(match[1]) for key in state if (match := _PLACE.match(key))}
    return tuple(sorted(found)) if len(state) == 2 * len(found) else ()


def _is_decoder(state: StateDict) -> bool:
    return _places(state) == _DECODER_CONVS and state["28.weight"].shape[:1] == (3,)


def _is_encoder(state: StateDict) -> bool:
    places = _places(state)
    return places[: 1 + len(_ENCODER_CONVS)] == (0, *_ENCODER_CONVS) and state["0.weight"].shape == (3, 3, 1, 1)


def _layers(state: StateDict, places: tuple[int, ...], resize: type[nn.Module], *, last: bool) -> dict[int, nn.Module]:
    """Padding, convolution, ReLU at each place, a resize where there is room; the ``last`` convolution ends bare."""
    layers: dict[int, nn.Module] = {}
    for place in places:
        after, before, kernel = conv_shape(state, str(place))
        layers |= {place - 1: nn.ReflectionPad2d(kernel // 2), place: nn.Conv2d(before, after, kernel)}
        if not (last and place == places[-1]):
            layers[place + 1] = nn.ReLU()
    layers |= {one + 2: resize() for one, two in pairwise(places) if two - one == 4}
    return layers


class _Pool(nn.MaxPool2d):
    def __init__(self) -> None:
        super().__init__(2, 2, ceil_mode=True)


class _Enlarge(nn.Upsample):
    def __init__(self) -> None:
        super().__init__(scale_factor=2)


def _sequence(layers: Mapping[int, nn.Module]) -> nn.Sequential:
    return nn.Sequential(OrderedDict((str(place), layers[place]) for place in sorted(layers)))


def _detect(state: StateDict) -> bool:
    parts = _split(state)
    return _is_decoder(parts["decoder"]) and _is_encoder(parts["encoder"])


def _split(state: StateDict) -> dict[str, dict[str, Tensor]]:
    parts: dict[str, dict[str, Tensor]] = {"decoder": {}, "encoder": {}}
    for key, tensor in state.items():
        role, _, rest = key.partition(".")
        parts.setdefault(role, {})[rest] = tensor
    return parts


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _detect(state):
        raise CheckpointError("is no AdaIN decoder with its encoder")
    parts = _split(state)
    used = {key: tensor for key, tensor in parts["encoder"].items() if int(key.partition(".")[0]) <= _ENCODER_CONVS[-1]}
    channels = conv_shape(parts["decoder"], "1")[1], conv_shape(used, "29")[0]
    if channels[0] != channels[1]:
        raise CheckpointError(
            f"is an AdaIN decoder of {channels[0]} channels with an encoder of {channels[1]}",
            fix="give the encoder that this decoder was trained with",
        )
    encoder = {0: nn.Conv2d(3, 3, 1), **_layers(used, _ENCODER_CONVS, _Pool, last=False)}
    module = AdaIN(_sequence(encoder), _sequence(_layers(parts["decoder"], _DECODER_CONVS, _Enlarge, last=True)))
    load_strictly(module.encoder, used, "an AdaIN encoder")
    load_strictly(module.decoder, parts["decoder"], "an AdaIN decoder")
    return Network(
        kind="style",
        module=eval_mode(module),
        inputs=(
            GraphInput("content", ("batch", 3, "height", "width")),
            GraphInput("style", (1, 3, "style_height", "style_width"), default_style()),
            GraphInput("strength", (), torch.tensor(1.0)),
        ),
        outputs=("image",),
        facts={"channels": "RGB", "size_multiple": _MULTIPLE, "minimum_size": 2 * _MULTIPLE},
        inferred=(
            HyperParameter(name="feature channels", value=channels[0], origin="tensor"),
            HyperParameter(name="encoder cut after", value="relu4_1", origin="default"),
            HyperParameter(name="default style", value="waves of orange and blue", origin="default"),
        ),
    )


def default_style() -> Tensor:
    """Return the picture [1, 3, 64, 64] that stands in for a style where none is given: slanted waves, two hues."""
    down, right = torch.meshgrid(*(torch.linspace(0, 6.2832, _STYLE_SIDE),) * 2, indexing="ij")
    wave = 0.5 + 0.5 * torch.sin(3 * down + 2 * right + torch.sin(2 * right - down))
    warm, cold = torch.tensor((0.95, 0.6, 0.2)), torch.tensor((0.1, 0.25, 0.55))
    return (cold[:, None, None] + (warm - cold)[:, None, None] * wave)[None]


FAMILY = Family(
    id="adain",
    title="AdaIN style network",
    kind="style",
    licence="The port's code is MIT; its published weights come without a licence of their own.",
    detect=_detect,
    rebuild=_rebuild,
    roles={"decoder": _is_decoder, "encoder": _is_encoder},
)
