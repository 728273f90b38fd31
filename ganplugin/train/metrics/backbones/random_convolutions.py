"""An eye that never learned anything: random convolutions, for tests and for machines without a network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.train.metrics.backbones.backbone import Backbone, tensors_digest
from ganplugin.train.metrics.backbones.resizing import resize_smooth

__all__ = ["random_convolutions"]

_CHANNELS = (16, 32, 64)
_SIDE = 32


class _RandomConvolutions(nn.Module):
    """Three convolutions with fixed random weights; features are each map's mean and deviation."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.layers = nn.ModuleList()
        before = 3
        for after in _CHANNELS:
            layer = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)
            weight = torch.randn(layer.weight.shape, generator=random) / (16 * before) ** 0.5
            layer.load_state_dict({"weight": weight})
            self.layers.append(layer)
            before = after
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> tuple[Tensor, None, list[Tensor]]:
        x, maps = image, []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * 2**0.5
            maps.append(x)
        statistics = [part for found in maps for part in (found.mean((2, 3)), found.std((2, 3)))]
        return torch.cat(statistics, 1), None, maps


def random_convolutions(device: torch.device) -> Backbone:
    """Return a small network that is the same everywhere and needs no file; it tells gross differences apart."""
    network = _RandomConvolutions().eval()
    return Backbone(
        key="random",
        name="random convolutions (untrained)",
        digest=tensors_digest(network.state_dict()),
        preprocessing=f"8 bits, over white, bicubic with antialiasing to {_SIDE} x {_SIDE}, level / 127.5 - 1",
        num_features=2 * sum(_CHANNELS),
        classes=0,
        standard=False,
        network=network.to(device).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        prepare=_prepare,
        device=device,
    )


def _prepare(pictures: Tensor) -> Tensor:
    return resize_smooth(pictures, _SIDE) / 127.5 - 1
