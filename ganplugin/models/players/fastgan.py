"""FastGAN in training: spectral norm on every convolution, and noise drawn anew for every picture.

After Liu et al. 2021, "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganplugin.errors import InputError
from ganplugin.models.fastgan import FastganGenerator, Plan, Step, plan_of
from ganplugin.models.fastgan_scorer import FastganDiscriminator
from ganplugin.models.players.fastgan_decoders import DECODERS, FastganDecoders, decoder_widths, fresh_widths
from ganplugin.models.players.player import Painter, Picture, RebuildingJudge
from ganplugin.models.rebuilding import rebuilding
from ganplugin.models.spectral_norm import folded

__all__ = ["FastganJudge", "FastganPainter", "FastganShape", "fresh", "loaded"]

_PARAMETRIZED: Final = ".parametrizations.weight."
_STORED: Final = {"weight_orig": "original", "weight_u": "0._u", "weight_v": "0._v"}
_SIDES: Final = (64, 128, 256, 512, 1024)
_LINKED: Final = {64: 4, 128: 8, 256: 16, 512: 32}
_PAINTED: Final = {4: 16.0, 8: 8.0, 16: 4.0, 32: 2.0, 64: 2.0, 128: 1.0, 256: 0.5, 512: 0.25, 1024: 0.125}
"""Channels of the generator's maps by side, in units of ``width``, as in the paper's supplement (width 64)."""

_JUDGED: Final = (16.0, 8.0, 4.0, 2.0, 1.0, 0.5)
"""Channels of the discriminator's maps from its last one, of 8 x 8, outwards, in the same units."""


@dataclass(frozen=True)
class FastganShape:
    """The shape of both networks; ``width`` channels stand for the paper's 64."""

    picture: Picture
    width: int = 32
    z_dim: int = 256

    def __post_init__(self) -> None:
        """Raise `InputError` for pictures that the family cannot make."""
        picture = self.picture
        if not picture.is_square or picture.height not in _SIDES or picture.classes:
            raise InputError(
                "fastgan makes square pictures of 64, 128, 256, 512 or 1024 px, without classes",
                fix="use another --size, or --recipe quick",
            )

    def channels(self, units: float) -> int:
        """Return a number of channels, at least 2."""
        return max(2, round(units * self.width))


class _Names:
    """The modules of a network with tensors, and what their family's files call them."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def filed(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the state of the network under the files' names."""
        return {self._moved(key, self.files): tensor for key, tensor in network.state_dict().items()}

    def load(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:
        """Load a file's tensors, whose spectral norms may have torch's old names."""
        own = {file: name for name, file in self.files.items()}
        network.load_state_dict({_renewed(self._moved(key, own)): tensor for key, tensor in state.items()})

    def _moved(self, key: str, names: Mapping[str, str]) -> str:
        stem, between, entry = key.partition(_PARAMETRIZED)
        if not between:
            stem, between, entry = key.rpartition(".")
        return f"{names.get(stem, stem)}{between}{entry}"


def _renewed(key: str) -> str:
    stem, _, entry = key.rpartition(".")
    return f"{stem}{_PARAMETRIZED}{_STORED[entry]}" if entry in _STORED else key


def _normed(network: nn.Module) -> None:
    """Put every convolution under spectral norm."""
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d):
            spectral_norm(layer)
        elif isinstance(layer, nn.ConvTranspose2d):
            spectral_norm(layer, dim=1)


def _painter_names(network: FastganGenerator) -> _Names:
    return _Names({name: _painter_name(name, network.plan) for name, _ in network.named_modules()})


def _painter_name(name: str, plan: Plan) -> str:
    """Blocks are a Sequential in files: doubling, convolution, noise, norm, gate, and once more but the doubling."""
    if match := re.match(r"^blocks\.feat_(\d+)\.(convolutions|noises|norms)\.(\d)$", name):
        place = {"convolutions": 1, "noises": 2, "norms": 3}[match[2]] + 4 * int(match[3])
        silent = match[2] == "norms" and not plan.steps[int(match[1])].noisy
        return f"feat_{match[1]}.{place - silent}"
    return re.sub(r"^init\.", "init.init.", re.sub(r"^excitations\.", "", name))


class FastganPainter(Painter):
    """The generator, made of a file's tensors. Noise maps are drawn at every call."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        with rebuilding("a FastGAN", state):
            self.network = FastganGenerator(plan_of(folded(state, transposed=("init.init.0",)), projected=False))
            self._names = _painter_names(self.network)
            _normed(self.network)
            self._names.load(self.network, state)
        self.z_dim = self.network.plan.z_dim

    def paint(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures; see `Painter`."""
        sides = self.network.plan.noise_sides
        maps = [torch.randn(len(z), 1, side, side, device=z.device) for side in sides]
        return self.network.paint(z, *maps, *([torch.ones((), device=z.device)] if maps else []))

    def file_state(self) -> dict[str, Tensor]:
        """Return the tensors under the paper's names, spectral norms in torch's present style."""
        return self._names.filed(self.network)


class FastganJudge(RebuildingJudge):
    """The discriminator with its decoders, made of a file's tensors; of a file without decoders, with new ones."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        drawn = {key: tensor for key, tensor in state.items() if key.startswith(DECODERS)}
        state = {key: tensor for key, tensor in state.items() if key not in drawn}
        with rebuilding("a FastGAN discriminator", state):
            self.network = FastganDiscriminator(folded(state))
            self._names = _Names(
                {name: re.sub(r"^(downs|excitations)\.", "", name) for name, _ in self.network.named_modules()}
            )
            _normed(self.network)
            self._names.load(self.network, state)
            self.decoders = FastganDecoders(
                decoder_widths(drawn) or fresh_widths(self.network), _channels(self.network)
            )
            _normed(self.decoders)
            if drawn:
                self.decoders.load_state_dict({_renewed(key): tensor for key, tensor in drawn.items()})

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the logits [batch, n] of both views."""
        return self.network.views(image)

    def judge_and_rebuild(self, image: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the logits, and how far the decoders are from drawing the pictures again."""
        maps = self.network.maps(image)
        return self.network.logits(maps), self.decoders(maps, image)

    def file_state(self) -> dict[str, Tensor]:
        """Return the tensors under the paper's names, spectral norms in torch's present style."""
        return self._names.filed(self.network) | self.decoders.state_dict()

    def early(self) -> Sequence[nn.Module]:
        """Return the entrances of both views, then the halvings of the large one."""
        return (self.network.down_from_big, self.network.down_from_small, *self.network.downs.values())


def _channels(network: FastganDiscriminator) -> int:
    return next(layer.in_channels for layer in network.modules() if isinstance(layer, nn.Conv2d))


def _steps(shape: FastganShape) -> dict[int, Step]:
    """The blocks: every second one, from 8 px on, convolves twice and adds noise."""
    sides = [2**power for power in range(3, shape.picture.height.bit_length())]
    return {
        side: Step(
            shape.channels(_PAINTED[side // 2]),
            shape.channels(_PAINTED[side]),
            double=index % 2 == 0,
            noisy=index % 2 == 0,
        )
        for index, side in enumerate(sides)
    }


def _painter_state(shape: FastganShape) -> dict[str, Tensor]:
    first, steps = shape.channels(_PAINTED[4]), _steps(shape)
    gates = {side: (shape.channels(_PAINTED[of]), steps[side].after) for side, of in _LINKED.items() if side in steps}
    network = FastganGenerator(
        Plan(shape.z_dim, 2 * first, steps, gates, shape.picture.channels, bias=False, classes=0, projected=False)
    )
    names = _painter_names(network)
    _started(network)
    return names.filed(network)


def _judge_state(shape: FastganShape) -> dict[str, Tensor]:
    """Tensors of a discriminator that are started when there is a network of their shapes."""
    count = min(5, shape.picture.height.bit_length() - 4)
    widths = [shape.channels(units) for units in _JUDGED[: count + 1]][::-1]
    divisors = (4, 8, 16, 32, 64)[:count]
    state = _entrance(shape, widths[0])
    for divisor, (before, after) in zip(divisors, pairwise(widths), strict=True):
        name = f"down_{divisor}"
        state |= _layer(f"{name}.main.0", after, before, 4) | _norm(f"{name}.main.1", after)
        state |= _layer(f"{name}.main.3", after, after, 3) | _norm(f"{name}.main.4", after)
        state |= _layer(f"{name}.direct.1", after, before, 1) | _norm(f"{name}.direct.2", after)
    at = dict(zip((2, *divisors), widths, strict=True))
    for of, by in ((16, 2), (32, 4), (64, 8)):
        if of in at:
            state |= _layer(f"se_{by}_{of}.main.1", at[of], at[by], 4)
            state |= _layer(f"se_{by}_{of}.main.3", at[of], at[of], 1)
    last = widths[-1]
    state |= _layer("rf_big.0", last, last, 1) | _norm("rf_big.1", last) | _layer("rf_big.3", 1, last, 4)
    return state | _small_view(shape, widths, count)


def _entrance(shape: FastganShape, width: int) -> dict[str, Tensor]:
    channels, side = shape.picture.channels, shape.picture.height
    if side <= 256:
        return _layer("down_from_big.0", width, channels, 3)
    state = _layer("down_from_big.0", width, channels, 4)
    second = _layer("down_from_big.2", width, width, 4) | _norm("down_from_big.3", width)
    return state | (second if side == 1024 else {})


def _small_view(shape: FastganShape, widths: list[int], count: int) -> dict[str, Tensor]:
    """Halvings from the small view, of half the picture's side but at most 128, to a map of 8 x 8."""
    halvings = min(3, count - 2)
    inner = widths[-2 - halvings : -1]
    state = _layer("down_from_small.0", inner[0], shape.picture.channels, 4)
    for place, (before, after) in enumerate(pairwise(inner), 2):
        state |= _layer(f"down_from_small.{place}.main.0", after, before, 4)
        state |= _norm(f"down_from_small.{place}.main.1", after)
    return state | _layer("rf_small", 1, inner[-1], 4)


def _layer(name: str, after: int, before: int, kernel: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.empty(after, before, kernel, kernel)}


def _norm(name: str, width: int) -> dict[str, Tensor]:
    fresh_norm = nn.BatchNorm2d(width)
    return {f"{name}.{key}": tensor for key, tensor in fresh_norm.state_dict().items()}


def _started(network: nn.Module) -> None:
    """Draw weights as DCGAN does, N(0, 0.02) and norms N(1, 0.02), which spectral norm then scales; norm the rest."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.02)
            nn.init.zeros_(layer.bias)
    _normed(network)


def _started_judge(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    network = FastganDiscriminator(state)
    names = _Names({name: re.sub(r"^(downs|excitations)\.", "", name) for name, _ in network.named_modules()})
    _started(network)
    return names.filed(network)


def fresh(shape: FastganShape) -> tuple[FastganPainter, FastganJudge]:
    """Return new networks, drawn from torch's random state."""
    return FastganPainter(_painter_state(shape)), FastganJudge(_started_judge(_judge_state(shape)))


def loaded(
    generator: Mapping[str, Tensor], scorer: Mapping[str, Tensor], config: Mapping[str, object]
) -> tuple[FastganPainter, FastganJudge]:
    """Return the networks of a file. Raises `CheckpointError` if its tensors do not fit together."""
    return FastganPainter(generator), FastganJudge(scorer)
