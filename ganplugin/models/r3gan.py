"""R3GAN (Huang et al. 2024): residual stages of grouped bottlenecks without norms, the same in both networks.

Written from the paper and the tensors' shapes. All widths, groups, blocks and stages are in the tensors. Upper stages
are often stored in bfloat16; everything is computed in float32 here. Pictures are linear outputs, -1..1 by training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.fir import FirDown, FirUp
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding

__all__ = [
    "FAMILIES",
    "FAMILY",
    "SCORER_FAMILY",
    "R3ganDiscriminator",
    "R3ganGenerator",
    "discriminator_of",
    "generator_of",
    "plain",
]

_SLOPE: Final = 0.2
_LICENCE: Final = "The authors' code states no licence for its models; the rights in the weights are unclear."

_UNEVEN: Final = 0.01
"""How far a low-pass filter's sum may be from 1, for what bfloat16 rounds off."""

_STAGE: Final = re.compile(r"^MainLayers\.(\d+)\.Layers\.(\d+)\.")
_RENAMED: Final = (
    (r"^MainLayers\.(\d+)\.Layers\.(\d+)\.", r"stages.\1.\2."),
    (r"\.LinearLayer([123])\.Layer\.weight$", r".convolution\1.weight"),
    (r"\.NonLinearity([12])\.Bias$", r".bias\1"),
    (r"\.LinearLayer\.Layer\.weight$", ".convolution.weight"),
    (r"\.LinearLayer\.weight$", ".linear.weight"),
    (r"\.Basis\.weight$", ".basis.weight"),
    (r"\.Basis$", ".basis"),
    (r"^AggregationLayer\.Layer\.", "to_picture."),
    (r"^ExtractionLayer\.Layer\.", "from_picture."),
    (r"^EmbeddingLayer\.", "embedding."),
)


class _Block(nn.Module):
    """A residual bottleneck: 1 x 1 to more channels, a grouped one, 1 x 1 back; bias and leaky ReLU between them."""

    def __init__(self, width: int, inner: int, groups: int, kernel: int) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(width, inner, 1, bias=False)
        self.convolution2 = nn.Conv2d(inner, inner, kernel, padding=(kernel - 1) // 2, groups=groups, bias=False)
        self.convolution3 = nn.Conv2d(inner, width, 1, bias=False)
        self.bias1 = nn.Parameter(torch.zeros(inner))
        self.bias2 = nn.Parameter(torch.zeros(inner))

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the shape of ``x`` [batch, width, h, w]."""
        y = F.leaky_relu(self.convolution1(x) + self.bias1[:, None, None], _SLOPE)
        y = F.leaky_relu(self.convolution2(y) + self.bias2[:, None, None], _SLOPE)
        carried: Tensor = x + self.convolution3(y)
        return carried


class _Start(nn.Module):
    """A learned map, mostly 4 x 4, whose channels are scaled by a linear function of the latent."""

    def __init__(self, latent: int, width: int, rows: int, columns: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.zeros(width, rows, columns))
        self.linear = nn.Linear(latent, width, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """Return [batch, width, rows, columns] for z [batch, latent]."""
        scaled: Tensor = self.basis * self.linear(z)[:, :, None, None]
        return scaled


class _End(nn.Module):
    """The inner product of every channel's map, mostly 4 x 4, with a learned one, then a linear layer."""

    def __init__(self, width: int, outputs: int, rows: int, columns: int) -> None:
        super().__init__()
        self.basis = nn.Conv2d(width, width, (rows, columns), groups=width, bias=False)
        self.linear = nn.Linear(width, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, outputs] for ``x`` [batch, width, rows, columns]."""
        values: Tensor = self.linear(self.basis(x).flatten(1))
        return values


class _Resample(nn.Module):
    """Doubles or halves both sides; a 1 x 1 convolution changes the width where it changes."""

    def __init__(self, before: int, after: int, kernel: Tensor, *, up: bool) -> None:
        super().__init__()
        width = after if up else before
        self.up = up
        self.convolution = nn.Conv2d(before, after, 1, bias=False) if before != after else None
        self.fir = FirUp(kernel * 4, width) if up else FirDown(kernel, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, after, 2 h, 2 w] or [batch, after, h / 2, w / 2] for ``x`` [batch, before, h, w]."""
        if self.convolution is None:
            return self.fir(x)  # type: ignore[no-any-return]
        resampled: Tensor = self.fir(self.convolution(x)) if self.up else self.convolution(self.fir(x))
        return resampled


class R3ganGenerator(nn.Module):
    """z [batch, z_dim], with label [batch, classes] where there is an embedding, to pictures 0..1."""

    def __init__(self, stages: nn.ModuleList, embedding: nn.Linear | None, width: int, channels: int) -> None:
        super().__init__()
        self.stages = stages
        self.embedding = embedding
        self.to_picture = nn.Conv2d(width, channels, 1, bias=False)

    @property
    def z_dim(self) -> int:
        """The length of z, without what stands for the label."""
        start: _Start = self.stages[0][0]  # type: ignore[index]
        return start.linear.in_features - (self.embedding.out_features if self.embedding else 0)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        start: _Start = self.stages[0][0]  # type: ignore[index]
        rows, columns = start.basis.shape[1:]
        return rows << (len(self.stages) - 1), columns << (len(self.stages) - 1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures 0..1, clamped."""
        return self.paint(z, label).clamp(0, 1)

    def paint(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures that training brings to 0..1, not clamped."""
        x = z if self.embedding is None or label is None else torch.cat((z, self.embedding(label)), dim=1)
        for stage in self.stages:
            x = stage(x)
        pictures: Tensor = self.to_picture(x)
        return pictures * 0.5 + 0.5


class R3ganDiscriminator(nn.Module):
    """Pictures 0..1, with label [batch, classes] where there is an embedding, to one score each [batch].

    Scores have no absolute scale: training compares those of real and made pictures.
    """

    def __init__(self, stages: nn.ModuleList, embedding: nn.Linear | None, width: int, channels: int) -> None:
        super().__init__()
        self.from_picture = nn.Conv2d(channels, width, 1, bias=False)
        self.stages = stages
        self.embedding = embedding

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        end: _End = self.stages[-1][-1]  # type: ignore[index]
        rows, columns = end.basis.weight.shape[2:]
        return rows << (len(self.stages) - 1), columns << (len(self.stages) - 1)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the score [batch] of each picture."""
        x: Tensor = self.from_picture(image * 2 - 1)
        for stage in self.stages:
            x = stage(x)
        return x.flatten() if self.embedding is None or label is None else (x * self.embedding(label)).sum(dim=1)


def plain(state: StateDict) -> dict[str, Tensor]:
    """Return the state without the wrapper's prefix."""
    wrapped = all(key.startswith("Model.") for key in state)
    return {key.removeprefix("Model.") if wrapped else key: tensor for key, tensor in state.items()}


def _is_generator(state: StateDict) -> bool:
    tensors = plain(state)
    basis = tensors.get("MainLayers.0.Layers.0.Basis")
    return basis is not None and basis.ndim == 3 and "AggregationLayer.Layer.weight" in tensors


def _is_scorer(state: StateDict) -> bool:
    tensors = plain(state)
    ends = [key for key in tensors if _STAGE.match(key) and key.endswith(".Basis.weight")]
    return "ExtractionLayer.Layer.weight" in tensors and len(ends) == 1


class _Shapes:
    """Builds the stages from the tensors, as many and as wide as they are."""

    def __init__(self, plain: Mapping[str, Tensor], width: int) -> None:
        self.plain = plain
        self.width = width
        self.places: dict[int, int] = {}
        for key in plain:
            if match := _STAGE.match(key):
                stage, layer = int(match[1]), int(match[2])
                self.places[stage] = max(self.places.get(stage, 0), layer)

    def stages(self) -> nn.ModuleList:
        """Return the stages in order, each a sequence of layers."""
        return nn.ModuleList(
            nn.Sequential(*(self._layer(f"MainLayers.{stage}.Layers.{layer}.") for layer in range(last + 1)))
            for stage, last in sorted(self.places.items())
        )

    def _layer(self, name: str) -> nn.Module:
        if (weight := self.plain.get(f"{name}LinearLayer1.Layer.weight")) is not None:
            grouped = self.plain[f"{name}LinearLayer2.Layer.weight"]
            inner, width = weight.shape[:2]
            return _Block(self._same(width), inner, inner // grouped.shape[1], grouped.shape[2])
        if (weight := self.plain.get(f"{name}Basis")) is not None:
            self.width, rows, columns = weight.shape
            return _Start(self.plain[f"{name}LinearLayer.weight"].shape[1], self.width, rows, columns)
        if f"{name}Basis.weight" in self.plain:
            outputs, width = self.plain[f"{name}LinearLayer.weight"].shape
            return _End(self._same(width), outputs, *self.plain[f"{name}Basis.weight"].shape[2:])
        return self._resample(name)

    def _same(self, width: int) -> int:
        if width != self.width:
            raise ValueError(f"a layer takes {width} channels, but {self.width} come to it")
        return width

    def _resample(self, name: str) -> nn.Module:
        before = self.width
        weight = self.plain.get(f"{name}LinearLayer.Layer.weight")
        self.width = before if weight is None else weight.shape[0]
        kernel = self.plain[f"{name}Resampler.Kernel"]
        is_square = kernel.ndim == 2 and kernel.shape[0] == kernel.shape[1] >= 2
        if not is_square or abs(float(kernel.sum()) - 1) > _UNEVEN:
            raise ValueError(f"{name}Resampler.Kernel is no low-pass filter")
        return _Resample(before, self.width, kernel.float(), up="AggregationLayer.Layer.weight" in self.plain)


def _embedding(plain: Mapping[str, Tensor]) -> nn.Linear | None:
    weight = plain.get("EmbeddingLayer.weight")
    return None if weight is None else nn.Linear(weight.shape[1], weight.shape[0], bias=False)


def _load(module: nn.Module, plain: Mapping[str, Tensor]) -> None:
    renamed = {}
    for key, tensor in plain.items():
        if key.endswith(".Resampler.Kernel"):
            continue
        for pattern, replacement in _RENAMED:
            key = re.sub(pattern, replacement, key)
        renamed[key] = tensor
    module.load_state_dict(renamed)


def _picture(channels: int, size: tuple[int, int]) -> dict[str, object]:
    return {"channels": picture_channels(channels), "width": size[1], "height": size[0]}


def _label(embedding: nn.Linear | None) -> tuple[tuple[GraphInput, ...], dict[str, object]]:
    if embedding is None:
        return (), {}
    count = embedding.in_features
    return (GraphInput("label", ("batch", count)),), {"classes": tuple(str(index) for index in range(count))}


def _told(stages: nn.ModuleList, size: tuple[int, int], channels: int, classes: int) -> tuple[HyperParameter, ...]:
    blocks = [[layer for layer in stage.children() if isinstance(layer, _Block)] for stage in stages]
    widths = ", ".join(str(found[0].convolution1.in_channels) if found else "?" for found in blocks)
    groups = ", ".join(str(found[0].convolution2.groups) if found else "?" for found in blocks)
    rows: tuple[tuple[str, str | int], ...] = (
        ("picture side", size[0]) if size[0] == size[1] else ("picture size", f"{size[1]} x {size[0]}"),
        ("channels", channels),
        ("classes", classes),
        ("widths", widths),
        ("groups", groups),
        ("blocks", ", ".join(str(len(found)) for found in blocks)),
    )
    return (
        *(HyperParameter(name=name, value=value, origin="tensor") for name, value in rows),
        HyperParameter(name="leaky slope", value=_SLOPE, origin="default"),
    )


def generator_of(tensors: Mapping[str, Tensor]) -> R3ganGenerator:
    """Return the generator of `plain` tensors, open to training. Raises as `rebuilding` does if they do not fit."""
    with rebuilding("an R3GAN", tensors):
        stages, embedding = _Shapes(tensors, 0).stages(), _embedding(tensors)
        channels, width = tensors["AggregationLayer.Layer.weight"].shape[:2]
        module = R3ganGenerator(stages, embedding, width, channels)
        _load(module, tensors)
    return module


def discriminator_of(tensors: Mapping[str, Tensor]) -> R3ganDiscriminator:
    """Return the discriminator of `plain` tensors, open to training. Raises as `rebuilding` does."""
    with rebuilding("an R3GAN", tensors):
        width, channels = tensors["ExtractionLayer.Layer.weight"].shape[:2]
        stages, embedding = _Shapes(tensors, width).stages(), _embedding(tensors)
        if not isinstance(stages[-1][-1], _End):  # type: ignore[index]
            raise ValueError("its last stage does not end in a score")
        module = R3ganDiscriminator(stages, embedding, width, channels)
        _load(module, tensors)
    return module


def _rebuild_generator(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _is_generator(state):
        raise CheckpointError("is no R3GAN generator")
    module = generator_of(plain(state))
    channels, embedding = module.to_picture.out_channels, module.embedding
    label, classes = _label(embedding)
    return Network(
        kind="generator",
        module=eval_mode(module),
        inputs=(GraphInput("z", ("batch", module.z_dim)), *label),
        outputs=("image",),
        facts={"z_dim": module.z_dim, **_picture(channels, module.size), **classes},
        inferred=(
            HyperParameter(name="latent size", value=module.z_dim, origin="tensor"),
            *_told(module.stages, module.size, channels, embedding.in_features if embedding else 0),
        ),
    )


def _rebuild_scorer(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _is_scorer(state):
        raise CheckpointError("is no R3GAN discriminator")
    module = discriminator_of(plain(state))
    channels, embedding = module.from_picture.in_channels, module.embedding
    label, classes = _label(embedding)
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, *module.size)), *label),
        outputs=("score",),
        facts={**_picture(channels, module.size), **classes},
        inferred=_told(module.stages, module.size, channels, embedding.in_features if embedding else 0),
    )


FAMILY = Family(
    id="r3gan",
    title="R3GAN generator",
    kind="generator",
    licence=_LICENCE,
    detect=_is_generator,
    rebuild=_rebuild_generator,
    signature=(
        "*MainLayers.0.Layers.0.Basis",
        "*MainLayers.*.LinearLayer1.Layer.weight",
        "*AggregationLayer.Layer.weight",
    ),
)

SCORER_FAMILY = Family(
    id="r3gan-scorer",
    title="R3GAN discriminator",
    kind="scorer",
    licence=_LICENCE,
    detect=_is_scorer,
    rebuild=_rebuild_scorer,
)

FAMILIES = (FAMILY, SCORER_FAMILY)
