"""The quick family: a small convolutional GAN with a W space, made to be trained on a laptop.

The generator modulates normalised features by a learned style (Chen et al. 2018, "On Self Modulation for Generative
Adversarial Networks"), upsamples bilinearly so that no checkerboard appears, and maps z to w by a small network so
that truncation, W walks and style mixing work as in the StyleGAN family. The discriminator uses spectral norm
(Miyato et al. 2018) and looks at each picture alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import MAKERS_RIGHTS, Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.quick_scorer import QuickDiscriminator, fold_spectral_norm
from ganplugin.models.quick_shape import QuickConfig, channels_at, shape_of
from ganplugin.models.rebuilding import picture_channels

__all__ = [
    "FAMILY",
    "SCORER_FAMILY",
    "QuickGenerator",
    "load",
]

_SLOPE = 0.2


class MappingNetwork(nn.Module):
    """z, brought to unit length a channel, to w: a linear map plus a small curved one, plus the class's own w.

    The linear part keeps w centred on zero, so that the first map differs from picture to picture in its layout and
    not in its colours alone.
    """

    def __init__(self, z_dim: int, w_dim: int, classes: int = 0) -> None:
        super().__init__()
        self.straight = nn.Linear(z_dim, w_dim, bias=False)
        self.enter = nn.Linear(z_dim, w_dim)
        self.leave = nn.Linear(w_dim, w_dim, bias=False)
        for layer, std in ((self.straight, 1.0), (self.enter, 1.0), (self.leave, 0.5)):
            nn.init.normal_(layer.weight, std=std / math.sqrt(layer.in_features))
        nn.init.zeros_(self.enter.bias)
        self.embed = nn.Linear(classes, w_dim, bias=False) if classes else None
        if self.embed is not None:
            nn.init.normal_(self.embed.weight)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        z = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        w: Tensor = self.straight(z) + self.leave(F.leaky_relu(self.enter(z), _SLOPE))
        return w if self.embed is None else w + self.embed(label)


class SelfModulation(nn.Module):
    """Batch normalisation whose scale and shift are linear in w; in eval mode the statistics are constants."""

    def __init__(self, channels: int, w_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False, momentum=0.05)
        self.style = nn.Linear(w_dim, 2 * channels)
        nn.init.normal_(self.style.weight, std=0.5 / math.sqrt(w_dim))
        nn.init.zeros_(self.style.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)
        return self.norm(x) * (1 + scale) + shift  # type: ignore[no-any-return]


class SynthesisBlock(nn.Module):
    """Doubles a map: bilinear resize, convolution, modulation, leaky ReLU, twice the last three."""

    def __init__(self, channels_in: int, channels_out: int, w_dim: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.mod0 = SelfModulation(channels_out, w_dim)
        self.conv1 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.mod1 = SelfModulation(channels_out, w_dim)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = F.leaky_relu(self.mod0(self.conv0(x), w), _SLOPE)
        return F.leaky_relu(self.mod1(self.conv1(x), w), _SLOPE)


class LightBlock(nn.Module):
    """Doubles a map: convolution of the small one, bilinear resize, modulation, leaky ReLU."""

    def __init__(self, channels_in: int, channels_out: int, w_dim: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.mod0 = SelfModulation(channels_out, w_dim)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = F.interpolate(self.conv0(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.leaky_relu(self.mod0(x, w), _SLOPE)


class QuickGenerator(nn.Module):
    """z [batch, z_dim] to pictures 0..1 [batch, channels, h, w], by way of w [batch, num_ws, w_dim]."""

    w_avg: Tensor

    def __init__(self, config: QuickConfig) -> None:
        super().__init__()
        self.config = config
        steps = range(config.blocks, -1, -1)
        widths = [channels_at(config.width, config.growth, step) for step in steps]
        self.mapping = MappingNetwork(config.z_dim, config.w_dim, config.classes)
        self.first = nn.Linear(config.w_dim, widths[0] * config.rows * config.columns, bias=False)
        block = LightBlock if config.design > 1 else SynthesisBlock
        self.blocks = nn.ModuleList(block(before, after, config.w_dim) for before, after in itertools.pairwise(widths))
        self.to_rgb = nn.Conv2d(widths[-1], config.channels, 3, padding=1)
        self.register_buffer("w_avg", torch.zeros(config.w_dim))
        nn.init.normal_(self.first.weight, std=1 / math.sqrt(config.w_dim))

    def map(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return w [batch, w_dim] of z [batch, z_dim], and of label [batch, classes] if there are classes."""
        return self.mapping(z, label)  # type: ignore[no-any-return]

    def synthesize(self, ws: Tensor) -> Tensor:
        """Return pictures 0..1 of ws [batch, num_ws, w_dim]."""
        x = self.first(ws[:, 0]).unflatten(1, (-1, self.config.rows, self.config.columns))
        for index, block in enumerate(self.blocks):
            x = block(x, ws[:, index + 1])
        return torch.sigmoid(2 * self.to_rgb(x))

    def forward(self, z: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        """Return (pictures, w). After z come label (conditional only), truncation, ws and mix.

        w is drawn towards its mean by ``truncation`` [num_ws], then towards ``ws`` by ``mix`` [num_ws].
        """
        truncation, ws, mix = rest[-3:]
        w = self.map(z, rest[0] if self.config.classes else None)[:, None, :]
        w = self.w_avg + truncation[None, :, None] * (w - self.w_avg)
        w = w + mix[None, :, None] * (ws - w)
        return self.synthesize(w), w


def load(module: nn.Module, state: StateDict) -> None:
    """Load a file's tensors. Raises `CheckpointError` if they do not fit."""
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"its tensors do not fit its configuration: {error}") from error


def _facts(shape: QuickConfig) -> dict[str, object]:
    return {
        "channels": picture_channels(shape.channels),
        "width": shape.picture[2],
        "height": shape.picture[1],
        "classes": tuple(str(index) for index in range(shape.classes)),
    }


def _inferred(shape: QuickConfig) -> tuple[HyperParameter, ...]:
    return tuple(HyperParameter(name=key, value=value, origin="metadata") for key, value in asdict(shape).items())


def _label(shape: QuickConfig) -> tuple[GraphInput, ...]:
    return (GraphInput("label", ("batch", shape.classes)),) if shape.classes else ()


def detect_generator(state: StateDict) -> bool:
    """Tell whether the tensors are those of ``ganplugin train generator``: mapping, self-modulation, to_rgb."""
    return all(key in state for key in ("mapping.straight.weight", "blocks.0.mod0.style.weight", "to_rgb.weight"))


def rebuild_generator(state: StateDict, config: Mapping[str, object]) -> Network:
    """Return the generator. Raises `CheckpointError` if tensors and config disagree."""
    shape = shape_of(config)
    module = QuickGenerator(shape)
    load(module, state)
    w_shape: tuple[int | str, ...] = ("batch_ws", shape.num_ws, shape.w_dim)
    inputs = (
        GraphInput("z", ("batch", shape.z_dim)),
        *_label(shape),
        GraphInput("truncation", (shape.num_ws,), torch.ones(shape.num_ws)),
        GraphInput("ws", w_shape, torch.zeros(1, shape.num_ws, shape.w_dim)),
        GraphInput("mix", (shape.num_ws,), torch.zeros(shape.num_ws)),
    )
    facts = _facts(shape) | {"z_dim": shape.z_dim, "w_dim": shape.w_dim, "num_ws": shape.num_ws}
    return Network("generator", eval_mode(module), inputs, ("image", "w"), facts, _inferred(shape))


def detect_scorer(state: StateDict) -> bool:
    """Tell whether the tensors are a scorer of ``ganplugin train generator``."""
    names = {key.partition(".")[0] for key in state}
    normed = all(f"{layer}.parametrizations.weight.original" in state for layer in ("from_rgb", "last"))
    return normed and names <= {"from_rgb", "blocks", "last", "embed"}


def rebuild_scorer(state: StateDict, config: Mapping[str, object]) -> Network:
    """Return the discriminator, spectral norm folded in. Raises `CheckpointError` as `rebuild_generator`."""
    shape = shape_of(config)
    module = QuickDiscriminator(shape)
    load(module, state)
    inputs = (GraphInput("image", ("batch", *shape.picture)), *_label(shape))
    folded = eval_mode(fold_spectral_norm(module))
    return Network("scorer", folded, inputs, ("score",), _facts(shape), _inferred(shape))


FAMILY = Family(
    id="ganplugin-quick",
    title="Generator of ganplugin train generator",
    kind="generator",
    licence=MAKERS_RIGHTS,
    detect=detect_generator,
    rebuild=rebuild_generator,
)

SCORER_FAMILY = Family(
    id="ganplugin-quick-scorer",
    title="Scorer of ganplugin train generator",
    kind="scorer",
    licence=MAKERS_RIGHTS,
    detect=detect_scorer,
    rebuild=rebuild_scorer,
)
