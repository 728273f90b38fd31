"""StyleGAN3-T and -R (Karras et al. 2021) in the layout of NVIDIA's PyTorch code, pickled or as state dict.

Pictures begin as waves of stored frequencies, turned and shifted by w and by the user's ``transform``. Each layer is a
modulated convolution whose leaky ReLU works at a higher sampling rate between two low-pass filters, so that nothing
sticks to the pixel grid. Sizes come from the layers' names, factors from the lengths of the stored filters.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.modulation import ModulatedConv
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.nvlabs import LICENCE, SLOPE, affine_of, bounded, demand_activations, mapping_of
from ganplugin.models.oversampling import Downsampling, Upsampling
from ganplugin.models.rebuilding import picture_channels
from ganplugin.models.stylegan3_settings import SETTINGS, LayerName, Words, factor_of, words_of
from ganplugin.models.w_space import Linear, WSpaceGenerator, linear_layer, w_inputs
from ganplugin.models.weights import Weights

__all__ = ["FAMILY"]

_EIGHT: Final = 8
_LAYER: Final = re.compile(r"^synthesis\.(L(\d+)_(\d+)_\d+)\.")


class Waves(nn.Module):
    """The input: w and ``transform`` to a map [batch, channels, size, size] of mixed sine waves."""

    weight: Tensor
    freqs: Tensor
    phases: Tensor
    grid: Tensor

    def __init__(self, weights: Weights, w_dim: int, size: int, rate: float, bandwidth: float) -> None:
        super().__init__()
        self.size, self.rate, self.bandwidth = size, rate, bandwidth
        freqs = weights.take("freqs", None, 2)
        self.width = channels = len(freqs)
        mixing = weights.take("weight", channels, channels) / math.sqrt(channels)
        places = (torch.arange(size) + 0.5 - size / 2) / rate
        grid = torch.stack([places.repeat(size), places.repeat_interleave(size)])
        for name, value in (
            ("weight", _filled(mixing)),
            ("freqs", freqs),
            ("phases", weights.take("phases", channels)),
            ("grid", grid),
        ):
            self.register_buffer(name, value.clone(), persistent=False)
        self.affine = linear_layer(affine_of(weights, 4, w_dim))

    def forward(self, w: Tensor, transform: Tensor) -> Tensor:
        """Return the map for w [batch, w_dim] and transform [rows, 3, 3], which maps places seen to places shown."""
        placed = (self._turned(w)[:, :, :, None] * transform[:, None]).sum(dim=2)
        phases = self.phases[None] + (self.freqs[None] * placed[:, None, :, 2]).sum(dim=2)
        freqs = (self.freqs[None, :, :, None] * placed[:, None, :, :2]).sum(dim=2)
        # Waves that the transform makes too fast for the sampling rate fade out.
        speed = freqs.square().sum(dim=2).sqrt()
        loudness = (1 - (speed - self.bandwidth) / (self.rate / 2 - self.bandwidth)).clamp(0, 1)
        waves = torch.sin((freqs @ self.grid + phases[:, :, None]) * (2 * math.pi)) * loudness[:, :, None]
        return (self.weight @ waves).unflatten(2, (self.size, self.size))  # type: ignore[no-any-return,no-untyped-call]

    def _turned(self, w: Tensor) -> Tensor:
        """The rotation and shift [batch, 2, 3] that w asks for."""
        asked = self.affine(w)
        length = asked[:, :2].square().sum(dim=1, keepdim=True).sqrt()
        cosine, sine, x, y = (asked / length).unbind(dim=1)
        rows = [cosine, -sine, sine * y - cosine * x, sine, cosine, -sine * x - cosine * y]
        return torch.stack(rows, dim=1).unflatten(1, (2, 3))  # type: ignore[no-any-return,no-untyped-call]


def _filled(values: Tensor) -> Tensor:
    """Repeat the last row until there are as many as eights have: onnxruntime's fast convolutions want eights.

    What reads such maps gives these channels no weight (`_unread`).
    """
    return values[torch.arange(-(-len(values) // _EIGHT) * _EIGHT).clamp(max=len(values) - 1)]


def _unread(values: Tensor, axis: int) -> Tensor:
    """Append zeros along an axis for the channels that `_filled` appended."""
    zeros = [0] * (2 * (values.ndim - 1 - axis)) + [0, -values.shape[axis] % _EIGHT]
    return F.pad(values, zeros)


class Layer(nn.Module):
    """Modulated convolution, bias, and a leaky ReLU between two filters. Maps of ``before`` become ``after`` pixels."""

    bias: Tensor

    def __init__(self, weights: Weights, words: Words, w_dim: int, entering: int, before: int, after: int) -> None:
        super().__init__()
        weight = weights.take("weight", None, entering, None, None)
        channels, size = weight.shape[0], weight.shape[2]
        if weight.shape[3] != size or size % 2 == 0:
            raise CheckpointError("has a convolution that is not square and odd")
        self.width = channels
        self.clamp = float(words.clamp.value)
        self.affine = linear_layer(_affine(weights, entering, w_dim))
        # The leaky ReLU is homogeneous, so its gain and that of the input go to the small tensors before it.
        gain = math.sqrt(2) * float(weights.take("magnitude_ema").rsqrt())
        weight = weight * weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
        self.conv = ModulatedConv(_filled(_unread(weight, 1)), gain=gain, padding=size - 1)
        bias = _filled(weights.take("bias", channels))[:, None, None]
        self.register_buffer("bias", math.sqrt(2) * bias, persistent=False)
        ups, downs = weights.take("up_filter", None), weights.take_any("down_filter")
        up, down = (factor_of(taps, int(words.filter_size.value)) for taps in (ups, downs))
        entry, length = before + size - 1, (after - 1) * down + len(downs)
        total = length - entry * up + len(ups) - 1
        self.up = Upsampling(ups, up, (entry, length), (total + up) // 2)
        self.down = Downsampling(downs, len(bias), down)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return the layer's map of x for w [batch, w_dim]."""
        y = self.up(self.conv(x, self.affine(w)) + self.bias)
        return self.down(bounded(F.leaky_relu(y, SLOPE), self.clamp))  # type: ignore[no-any-return]


class PictureLayer(nn.Module):
    """The last map to a picture: modulated convolution without demodulation, bias, clamp."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, words: Words, w_dim: int, entering: int) -> None:
        super().__init__()
        weight = weights.take("weight", None, entering, 1, 1)
        self.width = weight.shape[0]
        self.clamp = float(words.clamp.value)
        self.affine = linear_layer(_affine(weights, entering, w_dim))
        gain = weights.take("magnitude_ema").rsqrt() / math.sqrt(entering)
        self.register_buffer("weight", _unread(weight * gain, 1), persistent=False)
        self.register_buffer("bias", weights.take("bias", weight.shape[0]), persistent=False)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return the picture, in the network's own scale."""
        return bounded(F.conv2d(x * self.affine(w)[:, :, None, None], self.weight, self.bias), self.clamp)


def _affine(weights: Weights, entering: int, w_dim: int) -> Linear:
    weight, bias = affine_of(weights, entering, w_dim)
    return _unread(weight, 0), _unread(bias, 0)


class Synthesis(nn.Module):
    """w [batch, num_ws, w_dim] and ``transform`` [rows, 3, 3] to pictures -1..1, unclamped."""

    def __init__(self, weights: Weights, names: tuple[LayerName, ...], words: Words, w_dim: int) -> None:
        super().__init__()
        size = names[0][1]
        rate = size - 2 * float(words.margin.value)
        self.waves = Waves(weights.under("input"), w_dim, size, rate, float(words.cutoff.value))
        layers: list[Layer] = []
        width = self.waves.width
        for name, after in names[:-1]:
            layers.append(Layer(weights.under(name), words, w_dim, width, size, after))
            size, width = after, layers[-1].width
        picture = PictureLayer(weights.under(names[-1][0]), words, w_dim, width)
        self.channels = picture.width
        self.layers = nn.ModuleList([*layers, picture])
        self.scale = float(words.scale.value)

    def forward(self, w: Tensor, transform: Tensor) -> Tensor:
        """Return pictures."""
        x: Tensor = self.waves(w[:, 0], transform)
        for index, layer in enumerate(self.layers):
            x = layer(x, w[:, index + 1])
        return x * self.scale


def _names(state: StateDict) -> tuple[LayerName, ...]:
    """The layers in order, or nothing if one is missing.

    StyleGAN-XL's later stages, known by the table of classes, skip one number where the first stage was cut off.
    """
    found = {int(match[2]): (match[1], int(match[3])) for key in state if (match := _LAYER.match(key))}
    numbers = sorted(found)
    steps = [after - before for before, after in itertools.pairwise([-1, *numbers])]
    grown = "mapping.embed.weight" in state and "mapping.embed.bias" not in state
    is_whole = set(steps) == {1} or (grown and set(steps) == {1, 2} and steps.count(2) == 1)
    return tuple(found[number] for number in numbers) if is_whole else ()


def detect(state: StateDict) -> bool:
    """Tell whether the tensors are a StyleGAN3 generator's: input frequencies, numbered layers, a mapping."""
    names = _names(state)
    needed = ["synthesis.input.freqs", "synthesis.input.affine.weight", "mapping.fc0.weight"]
    needed += [f"synthesis.{name}.{part}" for name, _ in names for part in ("weight", "magnitude_ema")]
    return len(names) > 1 and all(key in state for key in needed)


def rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    """Return the generator. Raises `CheckpointError` if a tensor is missing, misshapen or left over."""
    if not detect(state):
        raise CheckpointError("is no StyleGAN3 generator")
    weights, names = Weights(state), _names(state)
    demand_activations(config)
    words = words_of(state, config, names)
    mapping = mapping_of(weights, config)
    synthesis = Synthesis(weights.under("synthesis"), names, words, mapping.w_dim)
    transform = weights.take("synthesis.input.transform", 3, 3)
    weights.finish()
    size, num_ws = names[-1][1], len(names) + 1
    inferred = (
        HyperParameter(name="resolution", value=f"{size} x {size}", origin="tensor"),
        HyperParameter(name="layers", value=len(names) - 1, origin="tensor"),
        HyperParameter(name="configuration", value=_configuration(state, names), origin="tensor"),
        *words.all,
    )
    return Network(
        kind="generator",
        module=eval_mode(WSpaceGenerator(mapping.network, synthesis, mapping.centre)),
        inputs=(
            *w_inputs(mapping.z_dim, mapping.classes, num_ws, mapping.w_dim),
            GraphInput("transform", ("rows", 3, 3), transform[None].clone()),
        ),
        outputs=("image", "w"),
        facts={
            **mapping.facts(num_ws),
            "channels": picture_channels(synthesis.channels),
            "width": size,
            "height": size,
        },
        inferred=(*mapping.inferred, *inferred),
    )


def _configuration(state: StateDict, names: tuple[LayerName, ...]) -> str:
    first = names[0][0]
    if state[f"synthesis.{first}.down_filter"].ndim == 2:
        return "R (rotation)"
    return "T (translation)" if state[f"synthesis.{first}.weight"].shape[-1] == 3 else "own"


FAMILY = Family(
    id="stylegan3",
    title="StyleGAN3 generator",
    kind="generator",
    licence=LICENCE,
    detect=detect,
    rebuild=rebuild,
    settings=SETTINGS,
    signature=(
        "synthesis.input.freqs",
        "synthesis.input.affine.weight",
        "synthesis.L0_*.magnitude_ema",
        "mapping.fc0.weight",
    ),
)
