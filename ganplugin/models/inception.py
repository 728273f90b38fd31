"""Inception-v3 (Szegedy et al. 2016) as FID uses it: TensorFlow's graph of 2015-12-05."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Inception2015"]

_NORM_EPSILON = 1e-3


class Inception2015(nn.Module):
    """The network in use, its normalisations folded into the convolutions.

    ``tensors`` are those of the weight file that torch-fidelity and pytorch-fid share; every width is taken from them.
    It differs from torchvision's in three poolings and in its 1,008 classes. Raises `KeyError` if a tensor is missing.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _conv(tensors, "Conv2d_1a_3x3", stride=2, same=False),
            _conv(tensors, "Conv2d_2a_3x3", same=False),
            _conv(tensors, "Conv2d_2b_3x3"),
            nn.MaxPool2d(3, 2),
        )
        self.second = nn.Sequential(
            _conv(tensors, "Conv2d_3b_1x1", same=False),
            _conv(tensors, "Conv2d_4a_3x3", same=False),
            nn.MaxPool2d(3, 2),
        )
        self.third = nn.Sequential(
            *(_fine(tensors, f"Mixed_{name}") for name in ("5b", "5c", "5d")),
            _shrinking(tensors, "Mixed_6a"),
            *(_crossed(tensors, f"Mixed_{name}") for name in ("6b", "6c", "6d", "6e")),
        )
        self.last = nn.Sequential(
            _shrinking_crossed(tensors, "Mixed_7a"),
            _wide(tensors, "Mixed_7b", _mean_pool()),
            # A maximum where every other published Inception has a mean: the graph that papers used does so.
            _wide(tensors, "Mixed_7c", nn.MaxPool2d(3, 1, padding=1)),
        )
        self.register_buffer("classes", tensors["fc.weight"].clone())
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Look at pictures [batch, 3, 299, 299] that are (level 0..255 - 128) / 128.

        Returns features [batch, 2048], class scores without their bias [batch, 1008] as the Inception Score wants
        them, and the feature maps with 64, 192 and 768 channels.
        """
        first = self.stem(image)
        second = self.second(first)
        third = self.third(second)
        features = self.last(third).mean((2, 3))
        return features, F.linear(features, self.get_buffer("classes")), [first, second, third]


class _Parallel(nn.Module):
    """Branches that see the same input, their channels put together."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def _conv(tensors: Mapping[str, Tensor], name: str, *, stride: int = 1, same: bool = True) -> nn.Module:
    """Return a convolution with its folded normalisation, and ReLU; ``same`` keeps the size (at stride 1)."""
    weight, norm = tensors[f"{name}.conv.weight"], f"{name}.bn"
    gain = tensors[f"{norm}.weight"] * torch.rsqrt(tensors[f"{norm}.running_var"] + _NORM_EPSILON)
    after, before, *kernel = weight.shape
    padding = (kernel[0] // 2, kernel[1] // 2) if same else (0, 0)
    layer = nn.Conv2d(before, after, (kernel[0], kernel[1]), stride=stride, padding=padding)
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * gain
    layer.load_state_dict({"weight": weight * gain.view(-1, 1, 1, 1), "bias": bias})
    return nn.Sequential(layer, nn.ReLU(inplace=True))


def _chain(tensors: Mapping[str, Tensor], name: str, count: int, *, shrink: bool = False) -> nn.Sequential:
    """Return the convolutions ``name_1`` to ``name_<count>``; with ``shrink`` the last one halves the size."""
    plain = count - 1 if shrink else count
    layers = [_conv(tensors, f"{name}_{index}") for index in range(1, plain + 1)]
    if shrink:
        layers.append(_conv(tensors, f"{name}_{count}", stride=2, same=False))
    return nn.Sequential(*layers)


def _mean_pool() -> nn.Module:
    return nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)


def _pooled(tensors: Mapping[str, Tensor], name: str, pool: nn.Module) -> nn.Module:
    return nn.Sequential(pool, _conv(tensors, f"{name}.branch_pool"))


def _fine(tensors: Mapping[str, Tensor], name: str) -> nn.Module:
    return _Parallel(
        _conv(tensors, f"{name}.branch1x1"),
        _chain(tensors, f"{name}.branch5x5", 2),
        _chain(tensors, f"{name}.branch3x3dbl", 3),
        _pooled(tensors, name, _mean_pool()),
    )


def _shrinking(tensors: Mapping[str, Tensor], name: str) -> nn.Module:
    return _Parallel(
        _conv(tensors, f"{name}.branch3x3", stride=2, same=False),
        _chain(tensors, f"{name}.branch3x3dbl", 3, shrink=True),
        nn.MaxPool2d(3, 2),
    )


def _crossed(tensors: Mapping[str, Tensor], name: str) -> nn.Module:
    return _Parallel(
        _conv(tensors, f"{name}.branch1x1"),
        _chain(tensors, f"{name}.branch7x7", 3),
        _chain(tensors, f"{name}.branch7x7dbl", 5),
        _pooled(tensors, name, _mean_pool()),
    )


def _shrinking_crossed(tensors: Mapping[str, Tensor], name: str) -> nn.Module:
    return _Parallel(
        _chain(tensors, f"{name}.branch3x3", 2, shrink=True),
        _chain(tensors, f"{name}.branch7x7x3", 4, shrink=True),
        nn.MaxPool2d(3, 2),
    )


def _wide(tensors: Mapping[str, Tensor], name: str, pool: nn.Module) -> nn.Module:
    def forked(trunk: nn.Module, stem: str) -> nn.Module:
        return nn.Sequential(trunk, _Parallel(_conv(tensors, f"{stem}a"), _conv(tensors, f"{stem}b")))

    return _Parallel(
        _conv(tensors, f"{name}.branch1x1"),
        forked(_chain(tensors, f"{name}.branch3x3", 1), f"{name}.branch3x3_2"),
        forked(_chain(tensors, f"{name}.branch3x3dbl", 2), f"{name}.branch3x3dbl_3"),
        _pooled(tensors, name, pool),
    )
