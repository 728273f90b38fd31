"""The discriminator of StyleGAN2 (Karras et al. 2020, figure 7, residual) in rosinality's layout and BasicSR's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.fir import Blur, FirDown, fir_kernel
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels
from ganplugin.models.rosinality import LICENCE
from ganplugin.models.rosinality_keys import KERNEL, is_basicsr, scorer_canonical
from ganplugin.models.weights import Weights

__all__ = ["SCORER_FAMILY"]

_SLOPE: Final = 0.2
_GAIN: Final = math.sqrt(2)
_SPREAD: Final = 1e-4
"""The standard deviation, sqrt(1e-8), that a picture has within a group of itself alone."""

_SIGNATURE: Final = (
    "convs.0.0.weight",
    "convs.0.1.bias",
    "convs.1.conv1.0.weight",
    "convs.1.skip.1.weight",
    "final_conv.0.weight",
    "final_linear.0.weight",
    "final_linear.1.weight",
)


class _Conv(nn.Module):
    """A convolution with equalised learning rate and, if it has a bias, leaky ReLU; ``gain`` follows."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, *, gain: float, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        self.register_buffer("weight", weight * (gain / math.sqrt(weight[0].numel())), persistent=False)
        self.register_buffer("bias", None if bias is None else bias * gain, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of x [batch, in, h, w]."""
        y = F.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        return y if self.bias is None else F.leaky_relu(y, _SLOPE)


class _Block(nn.Module):
    """Halves the sides: two convolutions, and a 1 x 1 convolution past them; the sum is divided by sqrt(2)."""

    def __init__(self, weights: Weights, entering: int) -> None:
        super().__init__()
        first, second = weights.under("conv1"), weights.under("conv2")
        inner = first.take("0.weight", None, entering, 3, 3)
        outer = second.take("1.weight", None, inner.shape[0], 3, 3)
        around = weights.take("skip.1.weight", outer.shape[0], entering, 1, 1)
        self.first = _Conv(inner, _bias(first, "1.bias", inner), gain=_GAIN, padding=1)
        # Activation's sqrt(2) and the division by sqrt(2) cancel.
        self.second = _Conv(outer, _bias(second, "2.bias", outer), gain=1.0, stride=2)
        self.around = _Conv(around, None, gain=math.sqrt(0.5))
        self.blur = Blur(_kernel(second), inner.shape[0], (2, 2))
        self.halved = FirDown(_kernel(weights.under("skip")), entering)
        self.width = outer.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return features of half the sides."""
        y: Tensor = self.second(self.blur(self.first(x)))
        past: Tensor = self.around(self.halved(x))
        return y + past


class _Discriminator(nn.Module):
    """Pictures 0..1 to one logit each.

    Training appends the standard deviation within a group of pictures; each picture is its own group here, so that its
    score does not depend on its neighbours, and the appended map is a constant.
    """

    weight: Tensor
    beside: Tensor

    def __init__(self, weights: Weights, blocks: int) -> None:
        super().__init__()
        first = weights.take("convs.0.0.weight", None, None, 1, 1)
        opening = _Conv(first, _bias(weights.under("convs.0"), "1.bias", first), gain=_GAIN)
        halvings: list[_Block] = []
        for index in range(blocks):
            entering = halvings[-1].width if halvings else len(first)
            halvings.append(_Block(weights.under(f"convs.{index + 1}"), entering))
        self.body = nn.Sequential(opening, *halvings)
        last = weights.under("final_conv")
        weight = last.take("0.weight", None, None, 3, 3)
        scale = _GAIN / math.sqrt(math.prod(weight.shape[1:]))
        width = halvings[-1].width
        if weight.shape[1] <= width:
            raise CheckpointError("has a last convolution for fewer channels than it needs")
        spread = torch.full((1, weight.shape[1] - width, 4, 4), _SPREAD)
        beside = F.conv2d(spread, weight[:, width:] * scale, _bias(last, "1.bias", weight) * _GAIN, padding=1)
        self.register_buffer("weight", weight[:, :width] * scale, persistent=False)
        self.register_buffer("beside", beside, persistent=False)
        self.inner = _linear(weights.under("final_linear.0"), 16 * weight.shape[0], _GAIN)
        self.outer = _linear(weights.under("final_linear.1"), self.inner.out_features, 1.0)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logit [batch] of each picture [batch, channels, side, side]."""
        x = self.body(image * 2 - 1)
        x = F.leaky_relu(F.conv2d(x, self.weight, padding=1) + self.beside, _SLOPE)
        x = F.leaky_relu(self.inner(x.flatten(1)), _SLOPE)
        logits: Tensor = self.outer(x)
        return logits.flatten()


def _bias(weights: Weights, key: str, weight: Tensor) -> Tensor:
    return weights.take(key, weight.shape[0])


def _kernel(weights: Weights) -> Tensor:
    return weights.take("0.kernel", 4, 4) if weights.has("0.kernel") else fir_kernel(KERNEL)


def _linear(weights: Weights, width: int, gain: float) -> nn.Linear:
    weight = weights.take("weight", None, width)
    layer = nn.Linear(width, weight.shape[0])
    layer.weight = nn.Parameter(weight * (gain / math.sqrt(width)))
    layer.bias = nn.Parameter(weights.take("bias", weight.shape[0]) * gain)
    return layer


def _detect(state: StateDict) -> bool:
    names = scorer_canonical(state)
    return all(key in names for key in _SIGNATURE)


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _detect(state):
        raise CheckpointError("is no StyleGAN2 discriminator in this layout")
    names = scorer_canonical(state)
    blocks = sum(key.startswith("convs.") and key.endswith(".skip.1.weight") for key in names)
    weights = Weights(names)
    channels, side = weights.take("convs.0.0.weight", None, None, 1, 1).shape[1], 4 << blocks
    module = _Discriminator(weights, blocks)
    weights.finish()
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, side, side)),),
        outputs=("score",),
        facts={"channels": picture_channels(channels), "width": side, "height": side},
        inferred=(
            HyperParameter(name="names", value="BasicSR" if is_basicsr(state) else "rosinality", origin="tensor"),
            HyperParameter(name="resolution", value=f"{side} x {side}", origin="tensor"),
            HyperParameter(name="group for the standard deviation", value=1, origin="default"),
        ),
    )


SCORER_FAMILY = Family(
    id="stylegan2-rosinality-scorer",
    title="StyleGAN2 discriminator (rosinality, BasicSR)",
    kind="scorer",
    licence=LICENCE,
    detect=_detect,
    rebuild=_rebuild,
    signature=("convs.0.0.weight", "convs.1.conv1.0.weight", "final_conv.0.weight", "final_linear.1.weight"),
)
