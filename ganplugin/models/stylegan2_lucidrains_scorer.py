"""The discriminator of lucidrains' StyleGAN2 as a scorer, written from the tensors' shapes.

Training drives the logits of real pictures below those of made ones, so the score is the negated logit: here as in
every family a high score means real. With the dual contrastive loss it is the other way round (a setting, since no
tensor tells).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.lucidrains_attention import attention_of, convolution
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.setting import Setting
from ganplugin.models.stylegan2_lucidrains import LICENCE, Smoothing
from ganplugin.models.weights import Weights

__all__ = ["FAMILY"]

_SLOPE: Final = 0.2
_CONTRASTIVE: Final = Setting("dual_contrast_loss", "dual contrastive loss", False)
_SIGNATURE: Final = ("blocks.0.conv_res.weight", "blocks.0.net.2.weight", "final_conv.weight", "to_logit.weight")


class _Halving(nn.Module):
    """Two convolutions and, but in the last block, a halving, smoothed since version 1.1; a 1 x 1 goes past them."""

    def __init__(self, weights: Weights, before: int) -> None:
        super().__init__()
        smooths = weights.has("downsample.1.weight")
        self.halves = smooths or weights.has("downsample.weight")
        self.first = convolution(weights.under("net.0"), before, 3)
        self.width = self.first.out_channels
        self.second = convolution(weights.under("net.2"), self.width, 3)
        self.past = convolution(weights.under("conv_res"), before, 1, 2 if self.halves else 1)
        down: list[nn.Module] = [Smoothing(weights, "downsample.0.f", self.width)] if smooths else []
        if self.halves:
            down.append(convolution(weights.under("downsample.1" if smooths else "downsample"), self.width, 3, 2))
        self.down = nn.Sequential(*down)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of half the sides, or of the same in the last block."""
        y = F.leaky_relu(self.second(F.leaky_relu(self.first(x), _SLOPE)), _SLOPE)
        return (self.down(y) + self.past(x)) * math.sqrt(0.5)  # type: ignore[no-any-return]


class _Discriminator(nn.Module):
    """Pictures 0..1 [batch, channels, size, size] to one score each [batch]."""

    def __init__(self, weights: Weights, blocks: int, channels: int, sign: int) -> None:
        super().__init__()
        body: list[nn.Module] = []
        width, self.size = channels, 2
        for index in range(blocks):
            block = _Halving(weights.under(f"blocks.{index}"), width)
            width, self.size = block.width, self.size * (2 if block.halves else 1)
            body += [block, attention_of(weights.under(f"attn_blocks.{index}"), width)]
        self.body = nn.Sequential(*body, convolution(weights.under("final_conv"), width, 3), nn.Flatten())
        self.last = nn.Linear(4 * width, 1)
        self.last.weight = nn.Parameter(sign * weights.take("to_logit.weight", 1, 4 * width))
        self.last.bias = nn.Parameter(sign * weights.take("to_logit.bias", 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return the score [batch]; high means real."""
        scores: Tensor = self.last(self.body(image))
        return scores.flatten()


def _detect(state: StateDict) -> bool:
    return all(key in state for key in _SIGNATURE)


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _detect(state):
        raise CheckpointError("is no StyleGAN2 discriminator of lucidrains")
    if any(key.startswith("quantize_blocks.") for key in state):
        raise CheckpointError(
            "quantises its features (fq_layers), so that its scores jump, which is not supported",
            fix="export the generator, or train without --fq-layers",
        )
    weights, contrastive = Weights(state), _CONTRASTIVE.read(config)
    blocks = sum(key.endswith(".conv_res.weight") for key in state)
    channels = weights.take("blocks.0.net.0.weight", None, None, 3, 3).shape[1]
    with rebuilding("a StyleGAN2 discriminator of lucidrains", state):
        module = _Discriminator(weights, blocks, channels, 1 if contrastive.value else -1)
    weights.finish()
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, module.size, module.size)),),
        outputs=("score",),
        facts={"channels": picture_channels(channels), "width": module.size, "height": module.size},
        inferred=(
            HyperParameter(name="resolution", value=f"{module.size} x {module.size}", origin="tensor"),
            contrastive,
            HyperParameter(name="score", value="the logit, high means real", origin="default"),
        ),
    )


FAMILY = Family(
    id="stylegan2-lucidrains-scorer",
    title="StyleGAN2 discriminator (lucidrains)",
    kind="scorer",
    licence=LICENCE,
    detect=_detect,
    rebuild=_rebuild,
    settings=(_CONTRASTIVE,),
)
