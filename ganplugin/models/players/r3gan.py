"""R3GAN in training: its networks made new as Huang et al. 2024 start them, or of a file's tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.models.fir import fir_kernel
from ganplugin.models.players.player import Judge, Painter, Picture
from ganplugin.models.r3gan import discriminator_of, generator_of, plain

__all__ = ["R3Judge", "R3Painter", "R3Plan", "fresh", "loaded"]

_NAMES: Final = (
    (r"^stages\.(\d+)\.(\d+)\.", r"MainLayers.\1.Layers.\2."),
    (r"\.convolution([123])\.weight$", r".LinearLayer\1.Layer.weight"),
    (r"\.bias([12])$", r".NonLinearity\1.Bias"),
    (r"\.convolution\.weight$", ".LinearLayer.Layer.weight"),
    (r"\.linear\.weight$", ".LinearLayer.weight"),
    (r"\.basis\.weight$", ".Basis.weight"),
    (r"\.basis$", ".Basis"),
    (r"^to_picture\.", "AggregationLayer.Layer."),
    (r"^from_picture\.", "ExtractionLayer.Layer."),
    (r"^embedding\.", "EmbeddingLayer."),
)
_KERNEL: Final = ".Resampler.Kernel"
_LEAKY: Final = math.sqrt(2 / (1 + 0.2**2))


def _file_state(network: nn.Module, kernels: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = dict(kernels)
    for key, tensor in network.state_dict().items():
        for pattern, replacement in _NAMES:
            key = re.sub(pattern, replacement, key)
        state[key] = tensor
    return state


def _kernels(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in tensors.items() if key.endswith(_KERNEL)}


class R3Painter(Painter):
    """The generator, made of a file's tensors."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        tensors = plain(state)
        self.network = generator_of(tensors)
        self.z_dim, self._kernels = self.network.z_dim, _kernels(tensors)

    def paint(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures; see `Painter`."""
        return self.network.paint(z, label)

    def file_state(self) -> dict[str, Tensor]:
        """Return the tensors in the layout of R3GAN's own files, without the wrapper's prefix."""
        return _file_state(self.network, self._kernels)


class R3Judge(Judge):
    """The discriminator, made of a file's tensors."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        tensors = plain(state)
        self.network = discriminator_of(tensors)
        self._kernels = _kernels(tensors)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return one score a picture."""
        score: Tensor = self.network(image, label)
        return score

    def file_state(self) -> dict[str, Tensor]:
        """Return the tensors in the layout of R3GAN's own files, without the wrapper's prefix."""
        return _file_state(self.network, self._kernels)

    def early(self) -> Sequence[nn.Module]:
        """Return what looks at the picture, then every layer of every stage but the last one's end."""
        inner = [layer for stage in self.network.stages for layer in stage.children()]
        return (self.network.from_picture, *inner[:-1])


@dataclass(frozen=True)
class R3Plan:
    """The shape of both networks: ``widths`` of the stages from the smallest map up, which has ``base`` places."""

    picture: Picture
    base: tuple[int, int]
    widths: tuple[int, ...]
    blocks: int = 1
    group: int = 16
    expansion: int = 2
    z_dim: int = 64
    embedded: int = 64


def _weight(*shape: int, gain: float = 1.0) -> Tensor:
    return torch.randn(*shape) * (gain / math.sqrt(math.prod(shape[1:])))


def _block(plan: R3Plan, name: str, width: int, layers: int) -> dict[str, Tensor]:
    """A residual bottleneck that starts as the identity, its other weights smaller the more there are in a row.

    After Zhang et al. 2019, "Fixup Initialization", with three layers a branch: a factor of depth^(-1 / 4).
    """
    inner = plan.expansion * width
    gain = _LEAKY * layers**-0.25
    groups = max(1, inner // plan.group)
    return {
        f"{name}.LinearLayer1.Layer.weight": _weight(inner, width, 1, 1, gain=gain),
        f"{name}.NonLinearity1.Bias": torch.zeros(inner),
        f"{name}.LinearLayer2.Layer.weight": _weight(inner, inner // groups, 3, 3, gain=gain),
        f"{name}.NonLinearity2.Bias": torch.zeros(inner),
        f"{name}.LinearLayer3.Layer.weight": torch.zeros(width, inner, 1, 1),
    }


def _blocks(plan: R3Plan, stage: int, first: int, width: int) -> dict[str, Tensor]:
    depth = plan.blocks * len(plan.widths)
    state: dict[str, Tensor] = {}
    for index in range(first, first + plan.blocks):
        state |= _block(plan, f"MainLayers.{stage}.Layers.{index}", width, depth)
    return state


def _resampler(name: str, before: int, after: int) -> dict[str, Tensor]:
    change = {} if before == after else {f"{name}.LinearLayer.Layer.weight": _weight(after, before, 1, 1)}
    return {f"{name}{_KERNEL}": fir_kernel(), **change}


def _generator_state(plan: R3Plan) -> dict[str, Tensor]:
    widths, classes = plan.widths, plan.picture.classes
    first = "MainLayers.0.Layers.0"
    state = {
        f"{first}.Basis": torch.randn(widths[0], *plan.base),
        f"{first}.LinearLayer.weight": _weight(widths[0], plan.z_dim + (plan.embedded if classes else 0)),
        **_blocks(plan, 0, 1, widths[0]),
    }
    for stage, (before, after) in enumerate(pairwise(widths), 1):
        state |= _resampler(f"MainLayers.{stage}.Layers.0", before, after)
        state |= _blocks(plan, stage, 1, after)
    state["AggregationLayer.Layer.weight"] = _weight(plan.picture.channels, widths[-1], 1, 1)
    return state | _embedding(plan)


def _discriminator_state(plan: R3Plan) -> dict[str, Tensor]:
    widths, classes = plan.widths[::-1], plan.picture.classes
    state = {"ExtractionLayer.Layer.weight": _weight(widths[0], plan.picture.channels, 1, 1)}
    for stage, (before, after) in enumerate(pairwise(widths)):
        state |= _blocks(plan, stage, 0, before)
        state |= _resampler(f"MainLayers.{stage}.Layers.{plan.blocks}", before, after)
    last = len(widths) - 1
    state |= _blocks(plan, last, 0, widths[-1])
    end = f"MainLayers.{last}.Layers.{plan.blocks}"
    state[f"{end}.Basis.weight"] = _weight(widths[-1], 1, *plan.base)
    state[f"{end}.LinearLayer.weight"] = _weight(plan.embedded if classes else 1, widths[-1])
    return state | _embedding(plan)


def _embedding(plan: R3Plan) -> dict[str, Tensor]:
    return {"EmbeddingLayer.weight": torch.randn(plan.embedded, plan.picture.classes)} if plan.picture.classes else {}


def fresh(plan: R3Plan) -> tuple[R3Painter, R3Judge]:
    """Return new networks, drawn from torch's random state."""
    return R3Painter(_generator_state(plan)), R3Judge(_discriminator_state(plan))


def loaded(
    generator: Mapping[str, Tensor], scorer: Mapping[str, Tensor], config: Mapping[str, object]
) -> tuple[R3Painter, R3Judge]:
    """Return the networks of a file. Raises `CheckpointError` if its tensors do not fit together."""
    return R3Painter(generator), R3Judge(scorer)
