"""The discriminator of the quick family, which ranks pictures once it is trained."""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import remove_parametrizations

from ganplugin.models.quick_shape import QuickConfig, channels_at

__all__ = ["QuickDiscriminator", "fold_spectral_norm"]

_SLOPE = 0.2
# Spectral norm leaves a random layer about half its signal; without a gain the scores start near zero and stay there.
_GAIN = 2.0


def _sn(layer: nn.Module) -> nn.Module:
    return spectral_norm(layer)


class DownBlock(nn.Module):
    """Halves a map: convolution, average pooling, convolution, beside a pooled shortcut; all spectrally normalised."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv0 = _sn(nn.Conv2d(channels_in, channels_in, 3, padding=1))
        self.conv1 = _sn(nn.Conv2d(channels_in, channels_out, 3, padding=1))
        self.skip = _sn(nn.Conv2d(channels_in, channels_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.avg_pool2d(F.leaky_relu(self.conv0(x), _SLOPE), 2))
        return _GAIN * F.leaky_relu(y + self.skip(F.avg_pool2d(x, 2)), _SLOPE)


class StridedBlock(nn.Module):
    """Halves a map by one convolution of 4 x 4 with stride 2, spectrally normalised."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = _sn(nn.Conv2d(channels_in, channels_out, 4, stride=2, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return _GAIN * F.leaky_relu(self.conv(x), _SLOPE)


class QuickDiscriminator(nn.Module):
    """Pictures 0..1 [batch, channels, h, w] to one unbounded realness score each [batch]; no batch statistics.

    With classes, how well the mean features agree with the label's is added (Miyato and Koyama 2018, "cGANs with
    Projection Discriminator").
    """

    def __init__(self, config: QuickConfig) -> None:
        super().__init__()
        self.config = config
        strided = config.design > 1
        steps = range(config.blocks if strided else config.blocks + 1)
        widths = [channels_at(config.scorer_width, config.scorer_growth, step) for step in steps]
        kernel, stride, block = (4, 2, StridedBlock) if strided else (3, 1, DownBlock)
        self.from_rgb = _sn(nn.Conv2d(config.channels, widths[0], kernel, stride, padding=1))
        self.blocks = nn.ModuleList(block(before, after) for before, after in itertools.pairwise(widths))
        self.last = _sn(nn.Linear(widths[-1] * config.rows * config.columns, 1))
        self.embed = _sn(nn.Linear(config.classes, widths[-1], bias=False)) if config.classes else None

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return one score a picture [batch]; higher is more like the pictures trained on."""
        x = _GAIN * F.leaky_relu(self.from_rgb(image * 2 - 1), _SLOPE)
        for block in self.blocks:
            x = block(x)
        score: Tensor = self.last(x.flatten(1))[:, 0]
        return score if self.embed is None else score + (self.embed(label) * x.mean(dim=(2, 3))).sum(dim=1)


def fold_spectral_norm(module: nn.Module) -> nn.Module:
    """Replace every spectral norm by the weight that it yields now, so that the network is plain convolutions."""
    module.eval()
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and hasattr(layer, "parametrizations"):
            remove_parametrizations(layer, "weight", leave_parametrized=True)
    return module
