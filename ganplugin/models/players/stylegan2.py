"""StyleGAN2 in training (Karras et al. 2020): its networks new, or of a file in the layout of NVIDIA's PyTorch code.

The rendering networks of `ganplugin.models.stylegan2` multiply the gains of equalised learning rates into constants;
here weights stay as files store them, of unit variance, and gains are applied at every step. Generators are of the
"skip", discriminators of the "resnet" architecture, which are the paper's choice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.models.fir import Blur, FirDown, FirUp, fir_kernel
from ganplugin.models.modulation import EPSILON
from ganplugin.models.players.player import Judge, Picture, StyledPainter
from ganplugin.models.rebuilding import rebuilding
from ganplugin.models.w_space import second_moment_normalised

__all__ = ["Style2Judge", "Style2Painter", "Style2Plan", "fresh", "loaded"]

_GAIN: Final = math.sqrt(2)
_SLOPE: Final = 0.2
_RATE: Final = 0.01
_GROUP: Final = 4
_BLOCK: Final = re.compile(r"(?:^|\.)b(\d+)\.")
_FILTER: Final = "resample_filter"


def _active(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE) * _GAIN


class _Linear(nn.Module):
    """A fully connected layer with equalised learning rate, ``rate`` times as fast as others."""

    def __init__(self, before: int, after: int, *, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.rate = rate
        self.weight = nn.Parameter(torch.randn(after, before) / rate)
        self.bias = nn.Parameter(torch.full((after,), bias))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * (self.rate / math.sqrt(self.weight.shape[1])), self.bias * self.rate)


class _Mapping(nn.Module):
    """z and the label, or the label alone, to w; ``w_avg`` is the truncation centre of a generator's."""

    def __init__(self, widths: Sequence[int], z_dim: int, classes: int, *, centred: bool) -> None:
        super().__init__()
        self.depth, self.z_dim = len(widths) - 1, z_dim
        self.embed = _Linear(classes, widths[0] - z_dim) if classes else None
        for index, (before, after) in enumerate(pairwise(widths)):
            self.add_module(f"fc{index}", _Linear(before, after, rate=_RATE))
        if centred:
            self.register_buffer("w_avg", torch.zeros(widths[-1]))

    def forward(self, z: Tensor | None, label: Tensor | None) -> Tensor:
        parts = [] if z is None else [second_moment_normalised(z)]
        if self.embed is not None:
            parts.append(second_moment_normalised(self.embed(label)))
        x = torch.cat(parts, dim=1)
        for index in range(self.depth):
            x = _active(self.get_submodule(f"fc{index}")(x))
        return x


class _Styled(nn.Module):
    """Modulated 3 x 3 convolution, perhaps on doubled sides, noise, bias, leaky ReLU."""

    noise_const: Tensor

    def __init__(self, before: int, after: int, w_dim: int, size: tuple[int, int], *, doubles: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3))
        self.bias = nn.Parameter(torch.zeros(after))
        self.affine = _Linear(w_dim, before, bias=1.0)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(*size))
        self.blur = Blur(4 * fir_kernel(), after, (1, 1)) if doubles else None

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w)
        energies = self.weight.square().sum(dim=(2, 3))
        scale = torch.rsqrt(F.linear(style.square(), energies) + EPSILON)[:, :, None, None]
        x = x * style[:, :, None, None]
        if self.blur is None:
            y = F.conv2d(x, self.weight, padding=1)
        else:
            y = self.blur(F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2))
        noise = torch.randn(len(y), 1, *y.shape[2:], device=y.device, dtype=y.dtype)
        return _active(y * scale + noise * self.noise_strength + self.bias[:, None, None])


class _ToPicture(nn.Module):
    """Features to a picture, modulated without demodulation."""

    def __init__(self, before: int, channels: int, w_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, before, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.affine = _Linear(w_dim, before, bias=1.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) / math.sqrt(x.shape[1])
        return F.conv2d(x * style[:, :, None, None], self.weight, self.bias)


class _SynthesisBlock(nn.Module):
    """One scale; the first holds the learned map and has one layer less."""

    def __init__(self, before: int, after: int, plan: Style2Plan, level: int) -> None:
        super().__init__()
        size = (plan.base[0] << level, plan.base[1] << level)
        if level:
            self.conv0 = _Styled(before, after, plan.w_dim, size, doubles=True)
            self.up = FirUp(4 * fir_kernel(), plan.picture.channels)
        else:
            self.const = nn.Parameter(torch.randn(after, *size))
        self.conv1 = _Styled(after, after, plan.w_dim, size, doubles=False)
        self.torgb = _ToPicture(after, plan.picture.channels, plan.w_dim)


@dataclass(frozen=True)
class Style2Plan:
    """The shape of both networks: ``widths`` from the smallest map up, which has ``base`` places."""

    picture: Picture
    base: tuple[int, int]
    widths: tuple[int, ...]
    judged: tuple[int, ...]
    z_dim: int = 512
    w_dim: int = 512
    mapping: tuple[int, ...] = (512,) * 8
    embedded: int = 512
    judge_mapping: tuple[int, ...] = (512,) * 8
    deviation: int = 1


class Style2Painter(StyledPainter):
    """The generator. Its state has the names of NVIDIA's files."""

    def __init__(self, plan: Style2Plan) -> None:
        super().__init__()
        self.plan, self.z_dim, self.num_ws = plan, plan.z_dim, 2 * len(plan.widths)
        classes = plan.picture.classes
        entering = plan.z_dim + (plan.embedded if classes else 0)
        self.mapping = _Mapping((entering, *plan.mapping), plan.z_dim, classes, centred=True)
        self.synthesis = nn.ModuleDict(
            {
                f"b{4 << level}": _SynthesisBlock(before, after, plan, level)
                for level, (before, after) in enumerate(zip((0, *plan.widths), plan.widths, strict=False))
            }
        )

    @property
    def centre(self) -> Tensor:
        """The mean w."""
        centre: Tensor = self.mapping.w_avg  # type: ignore[assignment]
        return centre

    def map(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return w [batch, w_dim]."""
        w: Tensor = self.mapping(z, label)
        return w

    def synthesize(self, ws: Tensor) -> Tensor:
        """Return pictures of ws [batch, num_ws, w_dim]; noise is drawn anew."""
        x, picture, place = torch.empty(0), torch.empty(0), 0
        for level, block in enumerate(self.synthesis.values()):
            if level:
                x, place = block.conv0(x, ws[:, place]), place + 1  # type: ignore[operator]
            else:
                x = block.const[None].expand(len(ws), -1, -1, -1)  # type: ignore[index]
            x, place = block.conv1(x, ws[:, place]), place + 1  # type: ignore[operator]
            added = block.torgb(x, ws[:, place])  # type: ignore[operator]
            picture = block.up(picture) + added if level else added  # type: ignore[operator]
        return picture * 0.5 + 0.5

    def file_state(self) -> dict[str, Tensor]:
        """Return the state, whose names are those of the files."""
        return self.state_dict()


class _Plain(nn.Module):
    """Convolution with equalised learning rate, leaky ReLU; a halving one blurs first. ``gain`` multiplies all."""

    def __init__(self, before: int, after: int, kernel: int, *, halves: bool = False, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after))
        self.scale, self.gain = 1 / math.sqrt(before * kernel**2), gain
        self.stride, self.padding = (2, 0) if halves else (1, kernel // 2)
        self.blur = Blur(fir_kernel(), before, (2, 2)) if halves else None

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.blur is None else self.blur(x)
        y = F.conv2d(x, self.weight * self.scale, self.bias, stride=self.stride, padding=self.padding)
        return _active(y) * self.gain


class _Skip(nn.Module):
    """The way around a block: halving, then 1 x 1 convolution."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, 1, 1))
        self.down = FirDown(fir_kernel(), before)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.down(x), self.weight * math.sqrt(0.5 / self.weight.shape[1]))


class _JudgeBlock(nn.Module):
    """One scale: the first looks at the picture; two convolutions, of which the second halves, beside a skip."""

    def __init__(self, before: int, after: int, channels: int) -> None:
        super().__init__()
        if channels:
            self.fromrgb = _Plain(channels, before, 1)
        self.conv0 = _Plain(before, before, 3)
        self.conv1 = _Plain(before, after, 3, halves=True, gain=math.sqrt(0.5))
        self.skip = _Skip(before, after)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(self.conv0(x)) + self.skip(x)  # type: ignore[no-any-return]


class _Verdict(nn.Module):
    """The end: deviation within the minibatch, convolution, two linear layers."""

    def __init__(self, width: int, places: int, outputs: int, deviation: int) -> None:
        super().__init__()
        self.deviation = deviation
        self.conv = _Plain(width + deviation, width, 3)
        self.fc = _Linear(width * places, width)
        self.out = _Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.deviation:
            x = torch.cat((x, _deviation(x, self.deviation)), dim=1)
        return self.out(_active(self.fc(self.conv(x).flatten(1))))  # type: ignore[no-any-return]


def _deviation(x: Tensor, count: int) -> Tensor:
    """Return the mean standard deviation among groups of 4 as ``count`` maps (Karras et al. 2018, section 3)."""
    group = next(size for size in range(min(_GROUP, len(x)), 0, -1) if len(x) % size == 0)
    y = x.float().view(group, len(x) // group, count, x.shape[1] // count, *x.shape[2:])
    spread = ((y - y.mean(dim=0)).square().mean(dim=0) + 1e-8).sqrt().mean(dim=(2, 3, 4))
    maps: Tensor = spread.to(x.dtype).repeat(group, 1)
    return maps[:, :, None, None].expand(-1, -1, *x.shape[2:])


class Style2Judge(Judge):
    """The discriminator. Its state has the names of NVIDIA's files."""

    def __init__(self, plan: Style2Plan) -> None:
        super().__init__()
        widths, classes = plan.judged[::-1], plan.picture.classes
        outputs = plan.judge_mapping[-1] if classes else 1
        self.sizes = tuple(4 << level for level in range(len(widths) - 1, 0, -1))
        for index, (size, (before, after)) in enumerate(zip(self.sizes, pairwise(widths), strict=True)):
            self.add_module(f"b{size}", _JudgeBlock(before, after, 0 if index else plan.picture.channels))
        self.b4 = _Verdict(widths[-1], math.prod(plan.base), outputs, plan.deviation)
        embedded = (plan.embedded, *plan.judge_mapping)
        self.mapping = _Mapping(embedded, 0, classes, centred=False) if classes else None

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return one logit a picture."""
        x = self.get_submodule(f"b{self.sizes[0]}").fromrgb(image * 2 - 1)  # type: ignore[operator]
        for size in self.sizes:
            x = self.get_submodule(f"b{size}")(x)
        verdict: Tensor = self.b4(x)
        if self.mapping is not None:
            wanted = self.mapping(None, label)
            verdict = (verdict * wanted).sum(dim=1) / math.sqrt(wanted.shape[1])
        return verdict.flatten()

    def file_state(self) -> dict[str, Tensor]:
        """Return the state, whose names are those of the files."""
        return self.state_dict()

    def early(self) -> Sequence[nn.Module]:
        """Return the layers from the picture inwards, as FreezeD counts them: entrance, then two a block with skip."""
        found: list[nn.Module] = []
        for size in self.sizes:
            block = self.get_submodule(f"b{size}")
            found += [nn.ModuleList(part) for part in _halves(block)]
        return found


def _halves(block: nn.Module) -> list[list[nn.Module]]:
    parts = dict(block.named_children())
    entrance = [[parts["fromrgb"]]] if "fromrgb" in parts else []
    return [*entrance, [parts["conv0"]], [parts["conv1"], parts["skip"]]]


def fresh(plan: Style2Plan) -> tuple[Style2Painter, Style2Judge]:
    """Return new networks, drawn from torch's random state."""
    return Style2Painter(plan), Style2Judge(plan)


def loaded(
    generator: Mapping[str, Tensor], scorer: Mapping[str, Tensor], config: Mapping[str, object]
) -> tuple[Style2Painter, Style2Judge]:
    """Return the networks of a file. Raises `CheckpointError` if they are of another architecture or do not fit."""
    with rebuilding("a StyleGAN2", generator):
        plan = _plan_of(generator, scorer)
        painter, judge = fresh(plan)
        _load(painter, generator)
        _load(judge, scorer)
    return painter, judge


def _load(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load all tensors but the resampling filters, which are 1 3 3 1 here."""
    usual = fir_kernel()
    for key, tensor in state.items():
        if key.endswith(_FILTER) and (tensor.shape != usual.shape or not torch.allclose(tensor.float(), usual)):
            raise CheckpointError(f"has another resampling filter than 1 3 3 1 in {key}", fix="export it instead")
    network.load_state_dict({key: tensor for key, tensor in state.items() if not key.endswith(_FILTER)})


def _levels(state: Mapping[str, Tensor]) -> list[int]:
    return sorted({int(match[1]) for key in state if (match := _BLOCK.search(key))})


def _depth(state: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Widths of the mapping's layers."""
    found, index = [], 0
    while (weight := state.get(f"mapping.fc{index}.weight")) is not None:
        found.append(weight.shape[0])
        index += 1
    return tuple(found)


def _plan_of(generator: Mapping[str, Tensor], scorer: Mapping[str, Tensor]) -> Style2Plan:
    sizes, judged = _levels(generator), _levels(scorer)
    if "synthesis.b4.torgb.weight" not in generator or f"b{judged[-1]}.skip.weight" not in scorer:
        raise CheckpointError("is a StyleGAN2 of another architecture than skip and resnet", fix="export it instead")
    channels = generator[f"synthesis.b{sizes[-1]}.torgb.weight"].shape[0]
    embed = generator.get("mapping.embed.weight")
    embedded, classes = (0, 0) if embed is None else embed.shape
    base = generator["synthesis.b4.const"].shape[1:]
    mapping, last = _depth(generator), scorer["b4.conv.weight"].shape
    size = (base[0] << (len(sizes) - 1), base[1] << (len(sizes) - 1))
    return Style2Plan(
        picture=Picture(channels, *size, classes),
        base=(base[0], base[1]),
        widths=tuple(generator[f"synthesis.b{side}.conv1.weight"].shape[0] for side in sizes),
        judged=(last[0], *(scorer[f"b{side}.conv0.weight"].shape[0] for side in judged[1:])),
        z_dim=generator["mapping.fc0.weight"].shape[1] - embedded,
        w_dim=mapping[-1],
        mapping=mapping,
        embedded=embedded,
        judge_mapping=_depth(scorer) or (1,),
        deviation=last[1] - last[0],
    )
