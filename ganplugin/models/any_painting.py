"""The any-painting family: one small network that paints a photo in the manner of any picture that it is shown.

After Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary neural artistic stylization network": a
`Stylizer`'s strokes, whose scales and shifts come not from a list of styles, but from a code that another network makes
of the painting. Ours looks at a painting through the first blocks of the feature network that training judges by, and
keeps the mean and the deviation of each feature (as Huang & Belongie 2017 do), at three sizes. The colours of the
ground are the painting's own by calculation, whether or not training has met their like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.adain import default_style
from ganplugin.models.network import MAKERS_RIGHTS, Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.palette import colour_statistics, palette_map
from ganplugin.models.stylizer import MINIMUM_SIZE, Strokes, StyleNorm, StylizerConfig, ground, infer_config
from ganplugin.models.translation import load_strictly
from ganplugin.models.vgg import VggFeatures

__all__ = ["EYE_DEPTH", "FAMILY", "SIZES", "AnyPainting", "Manner", "marks_of"]

EYE_DEPTH: Final = 2
"""Blocks of the feature network that look at a painting."""
SIZES: Final = 3
_LEAST_SIDE, _MOST_SIDE = 16, 4096
"""They look at it in full, at half and at quarter size."""


def marks_of(features: list[Tensor]) -> Tensor:
    """Return mean and logarithm of the deviation of each feature of maps [batch, c, h, w]: [batch, sum of 2 c]."""
    marks = []
    for layer in features:
        flat = layer.float().flatten(2)
        mean = flat.mean(dim=2)
        variance = (flat - mean[:, :, None]).square().mean(dim=2)
        marks += [mean, 0.5 * torch.log(variance + 1e-3)]
    return torch.cat(marks, dim=1)


@dataclass(frozen=True)
class Manner:
    """What is known of paintings: style weights [batch, styles], and the matrix and shift of their `ground`."""

    weights: Tensor
    matrix: Tensor
    shift: Tensor


class AnyPainting(nn.Module):
    """Photos 0..1 [batch, 3, h, w] in the manner of one painting, of the same size, for any h and w from 16.

    ``side`` is how large a painting is looked at: it is brought to a square of that side, as in training, so that the
    strokes of a scan of any size come out alike. The first of the style weights is always 1, the others are the code.
    """

    centre: Tensor
    spread: Tensor
    side: Tensor

    def __init__(self, config: StylizerConfig, eye: VggFeatures, *, side: int, hidden: int = 128) -> None:
        super().__init__()
        self.eye = eye
        marks = SIZES * sum(2 * block[-1].out_channels for block in eye.blocks)  # type: ignore[index]
        self.register_buffer("side", torch.tensor(float(side)))
        self.register_buffer("centre", torch.zeros(marks))
        self.register_buffer("spread", torch.ones(marks))
        self.look = nn.Linear(marks, hidden)
        self.code = nn.Linear(hidden, config.styles - 1)
        self.hand = Strokes(config)
        self.looked_side = side
        for norm in self.hand.modules():
            if isinstance(norm, StyleNorm):
                norm.follow_code()

    def manner(self, marks: Tensor, palette: tuple[Tensor, Tensor]) -> Manner:
        """Return the manner of paintings of these `marks_of` [batch, marks] and these colour statistics."""
        known = torch.relu(self.look((marks - self.centre) / self.spread))
        code = torch.tanh(self.code(known))
        return Manner(torch.cat([torch.ones_like(code[:, :1]), code], dim=1), *palette_map(*palette))

    def manner_of(self, style: Tensor) -> Manner:
        """Return the manner of paintings 0..1 [batch, 3, any, any]."""
        image = self.shown(style)
        palette, features = colour_statistics(image), []
        for index in range(SIZES):
            image = F.avg_pool2d(image, 2) if index else image
            features += self.eye(image)
        return self.manner(marks_of(features), palette)

    def shown(self, style: Tensor) -> Tensor:
        """Return paintings as the eye gets them: squares of ``side`` px."""
        size = (self.looked_side, self.looked_side)
        return F.interpolate(style, size=size, mode="bilinear", align_corners=False, antialias=True)

    def paint(self, content: Tensor, manner: Manner) -> Tensor:
        """Return paintings of photos, not bounded to 0..1, in one manner a photo, or one for all."""
        return self.hand.strokes(content, manner.weights) + self.ground(content, manner)

    def ground(self, content: Tensor, manner: Manner) -> Tensor:
        """Return photos in the colours of a manner."""
        return ground(content, manner.matrix, manner.shift)

    def forward(self, content: Tensor, style: Tensor, strength: Tensor) -> Tensor:
        """Return photos in the manner of ``style`` [1, 3, any, any], ``strength`` [] 0..1 of the way."""
        painted = self.paint(content, self.manner_of(style)).clamp(0, 1)
        return (content + strength * (painted - content)).clamp(0, 1)


def _detect(state: StateDict) -> bool:
    return {"look.weight", "code.weight", "hand.enter.norm.scale", "eye.blocks.0.0.weight"} <= set(state)


def _eye(state: StateDict) -> VggFeatures:
    """Return the part of the feature network that the file holds."""
    weights = []
    for block, convs in enumerate((2, 2)[:EYE_DEPTH]):
        for conv in range(convs):
            name = f"eye.blocks.{block}.{conv}"
            weights.append((state[f"{name}.weight"], state[f"{name}.bias"]))
    divide = 64 // max(1, weights[0][0].shape[0])
    return VggFeatures(weights, mean=state["eye.mean"], std=state["eye.std"], blocks=EYE_DEPTH, divide=divide)


def _side(state: StateDict) -> int:
    side = int(state["side"])
    if not _LEAST_SIDE <= side <= _MOST_SIDE:
        raise ValueError(f"paintings of {side} px")
    return side


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    hand = {key.removeprefix("hand."): value for key, value in state.items() if key.startswith("hand.")}
    shape = infer_config(hand)
    try:
        if not shape.limit:
            raise KeyError("hand.limit")
        side, hidden = _side(state), state["look.weight"].shape[0]
        module = AnyPainting(shape, _eye(state), side=side, hidden=hidden)
    except (KeyError, RuntimeError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"is no complete any-painting network: {error}", fix="use the file that train wrote"
        ) from error
    load_strictly(module, state, "an any-painting network")
    return Network(
        kind="style",
        module=eval_mode(module),
        inputs=(
            GraphInput("content", ("batch", 3, "height", "width")),
            GraphInput("style", (1, 3, "style_height", "style_width"), default_style()),
            GraphInput("strength", (), torch.tensor(1.0)),
        ),
        outputs=("image",),
        facts={"channels": "RGB", "minimum_size": MINIMUM_SIZE},
        inferred=(
            HyperParameter(name="widths", value="-".join(map(str, shape.widths)), origin="tensor"),
            HyperParameter(name="residuals", value=shape.residuals, origin="tensor"),
            HyperParameter(name="code", value=shape.styles - 1, origin="tensor"),
            HyperParameter(name="side of paintings", value=side, origin="tensor"),
            HyperParameter(name="default style", value="waves of orange and blue", origin="default"),
        ),
    )


FAMILY = Family(
    id="ganplugin-any-painting",
    title="Style network of ganplugin train arbitrary",
    kind="style",
    licence=MAKERS_RIGHTS,
    detect=_detect,
    rebuild=_rebuild,
)
