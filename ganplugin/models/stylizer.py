"""The stylizer family: one small feed-forward network that paints a photo in any of its styles, or in blends.

After Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer", with the conditional instance
normalisation of Dumoulin et al. 2017, "A Learned Representation for Artistic Style": the styles share all
convolutions and differ in the scales and shifts of the normalisations alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import MAKERS_RIGHTS, Family, GraphInput, Network, StateDict, eval_mode

__all__ = [
    "FAMILY",
    "MINIMUM_SIZE",
    "Strokes",
    "StyleNorm",
    "Stylizer",
    "StylizerConfig",
    "bare_colours",
    "grain",
    "ground",
    "infer_config",
    "opponent_matrix",
]

MINIMUM_SIZE = 16
"""The shortest side in pixels that reflection padding and two halvings leave room for."""


@dataclass(frozen=True)
class StylizerConfig:
    """The shape of the network: how many styles, channels at full, half and quarter size, residual blocks.

    ``limit`` is how many deviations from its mean a normalised value may lie. 0 is the first release's network: it has
    no limit, does not see the `grain`, and its strokes come without what is broad in them.
    """

    styles: int = 1
    widths: tuple[int, int, int] = (24, 48, 64)
    residuals: int = 5
    limit: float = 0.0


class StyleNorm(nn.Module):
    """Instance normalisation with one scale and one shift a style, blended by the style weights.

    A channel that sees one thing in an empty picture gives it a value that grows with the picture's size, to far more
    than training ever met, and leaves a stain around it. With a ``limit``, that is as far as values go.
    """

    def __init__(self, channels: int, styles: int, limit: float) -> None:
        super().__init__()
        self.limit = limit
        # Styles that start alike stay alike for long.
        self.scale = nn.Parameter(1 + 0.2 * torch.randn(styles, channels))
        self.shift = nn.Parameter(0.2 * torch.randn(styles, channels))

    @torch.no_grad()
    def follow_code(self) -> None:
        """Start as a plain normalisation, by the first weight, that the others, of either sign, change a little."""
        self.scale.normal_(0, 0.1)[0] = 1
        self.shift.normal_(0, 0.1)[0] = 0

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Return the maps [batch, channels, h, w] normalised, in the blend of one row of weights a picture."""
        scale, shift = (weights @ self.scale)[:, :, None, None], (weights @ self.shift)[:, :, None, None]
        normal = F.instance_norm(x)
        return (normal.clamp(-self.limit, self.limit) if self.limit else normal) * scale + shift


class StyleConv(nn.Module):
    """Reflection padding, convolution, `StyleNorm`."""

    def __init__(self, before: int, after: int, kernel: int, config: StylizerConfig, *, stride: int = 1) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(kernel // 2)
        self.conv = nn.Conv2d(before, after, kernel, stride=stride, bias=False)
        self.norm = StyleNorm(after, config.styles, config.limit)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        return self.norm(self.conv(self.pad(x)), weights)  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Two `StyleConv` of the same width around which the input is carried."""

    def __init__(self, channels: int, config: StylizerConfig) -> None:
        super().__init__()
        self.first = StyleConv(channels, channels, 3, config)
        self.second = StyleConv(channels, channels, 3, config)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        return x + self.second(torch.relu(self.first(x, weights)), weights)  # type: ignore[no-any-return]


# Luminance (Rec. 601) and two chromas, rows of a matrix for RGB columns.
_OPPONENT = ((0.299, 0.587, 0.114), (-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))
# The least spread that is brought to 1, as variances: a grey photo's faint tints are not blown up to full colours.
_LEAST_SPREAD = (1e-3, 6e-4, 6e-4)
# Deviations of less than a level and a half are not brought to 1.
_LEAST_GRAIN = (1.5 / 255) ** 2


def recoloured(matrix: Tensor, x: Tensor) -> Tensor:
    """Return every pixel of pictures [batch, 3, h, w] times a matrix [3, 3] or [batch, 3, 3]."""
    return (matrix @ x.flatten(2)).view(x.shape)


def bare_colours(x: Tensor) -> Tensor:
    """Return luminance and chroma of pictures [batch, 3, h, w] without the cast of their light.

    Each comes out with mean 0 and spread 1 a picture, and the chromas without what luminance tells of them: the
    Gram-Schmidt form of whitening, so that a painting's own relation of tone and colour can take their place.
    """
    opponent = recoloured(x.new_tensor(_OPPONENT), x)
    centred = opponent - opponent.mean(dim=(2, 3), keepdim=True)
    found: list[Tensor] = []
    for index, least in enumerate(_LEAST_SPREAD):
        channel = centred[:, index : index + 1]
        for other in found:
            channel = channel - (channel * other).mean(dim=(2, 3), keepdim=True) * other
        found.append(channel * torch.rsqrt(channel.square().mean(dim=(2, 3), keepdim=True) + least))
    return torch.cat(found, dim=1)


def opponent_matrix() -> Tensor:
    """Return the matrix [3, 3] from RGB to the luminance and chromas of `bare_colours`."""
    return torch.tensor(_OPPONENT)


def broad(x: Tensor) -> Tensor:
    """Return what is broad in maps [batch, c, h, w]."""
    small = F.avg_pool2d(x, 9, stride=4, padding=4, count_include_pad=False)
    return F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)


def detail(strokes: Tensor) -> Tensor:
    """Return strokes [batch, 3, h, w] without what is broad in them, so that they leave the ground its colours."""
    return strokes - broad(strokes)


def grain(x: Tensor) -> Tensor:
    """Return the detail of tones [batch, 1, h, w] of pictures, each by its own neighbourhood's deviation.

    Seen beside an edge, a sky has no detail at all, and no stroke would find a place to begin. Here its last levels
    show as clearly as leaves do.
    """
    tones = (x * x.new_tensor(_OPPONENT[0]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    fine = detail(tones)
    return fine * torch.rsqrt(broad(fine.square()) + _LEAST_GRAIN)


def ground(x: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """Return photos [batch, 3, h, w], a little blurred, in the colours of paintings.

    ``matrix`` [batch or 1, 3, 3] and ``shift`` [batch or 1, 3] carry the `bare_colours` of any photo to RGB.
    """
    small = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
    bare = F.interpolate(bare_colours(small), size=x.shape[2:], mode="bilinear", align_corners=False)
    return recoloured(matrix, bare) + shift[:, :, None, None]


class StyleTint(nn.Module):
    """The `ground` of each style's paintings."""

    def __init__(self, styles: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.eye(3).repeat(styles, 1, 1))
        self.shift = nn.Parameter(torch.zeros(styles, 3))

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        return ground(x, (weights @ self.matrix.flatten(1)).view(-1, 3, 3), weights @ self.shift)


class Strokes(nn.Module):
    """What is laid on the ground: pictures of any sign [batch, 3, h, w] for photos 0..1, for any h and w from 16."""

    def __init__(self, config: StylizerConfig) -> None:
        super().__init__()
        self.config = config
        full, half, quarter = config.widths
        self.enter = StyleConv(4 if config.limit else 3, full, 9, config)
        self.down0 = StyleConv(full, half, 3, config, stride=2)
        self.down1 = StyleConv(half, quarter, 3, config, stride=2)
        self.residuals = nn.ModuleList(ResidualBlock(quarter, config) for _ in range(config.residuals))
        self.up0 = StyleConv(half, half, 3, config)
        self.up1 = StyleConv(full, full, 3, config)
        self.narrow0 = nn.Conv2d(quarter, half, 1)
        self.narrow1 = nn.Conv2d(half, full, 1)
        self.leave_pad = nn.ReflectionPad2d(4)
        self.leave = nn.Conv2d(full, 3, 9)
        if config.limit:
            self.register_buffer("limit", torch.tensor(config.limit))
        with torch.no_grad():
            # Training starts from the blurred photo and lays strokes on it, instead of finding the photo first.
            self.leave.weight.mul_(0.1)

    def strokes(self, content: Tensor, weights: Tensor) -> Tensor:
        """Return the strokes with one row of style weights a picture, or one for all: [batch or 1, styles]."""
        seen = torch.cat([content * 2 - 1, grain(content)], dim=1) if self.config.limit else content * 2 - 1
        entered = torch.relu(self.enter(seen, weights))
        halved = torch.relu(self.down0(entered, weights))
        x = torch.relu(self.down1(halved, weights))
        for block in self.residuals:
            x = block(x, weights)
        # Resizing to the sizes met on the way down keeps odd sides exact without padding and cropping; adding what was
        # seen there spares the narrow middle from carrying every edge.
        x = F.interpolate(self.narrow0(x), size=halved.shape[2:], mode="bilinear", align_corners=False)
        x = torch.relu(self.up0(x + halved, weights))
        x = F.interpolate(self.narrow1(x), size=entered.shape[2:], mode="bilinear", align_corners=False)
        x = torch.relu(self.up1(x + entered, weights))
        strokes: Tensor = self.leave(self.leave_pad(x))
        return strokes if self.config.limit else detail(strokes)


class Stylizer(Strokes):
    """Photos 0..1 [batch, 3, h, w] to paintings of the same size, for any h and w from 16."""

    def __init__(self, config: StylizerConfig) -> None:
        super().__init__(config)
        self.tint = StyleTint(config.styles)

    def paint(self, content: Tensor, weights: Tensor) -> Tensor:
        """Return the full painting with one row of style weights a picture, or one for all: [batch or 1, styles].

        Nothing bounds it to 0..1 here: a sigmoid would leave no gradient where training overshoots.
        """
        painted: Tensor = self.strokes(content, weights) + self.tint(content, weights)
        return painted

    def forward(self, content: Tensor, style_weights: Tensor, strength: Tensor) -> Tensor:
        """Return paintings in the blend of ``style_weights`` [styles] (of any sum), mixed in by ``strength`` []."""
        weights = style_weights / style_weights.abs().sum().clamp(min=1e-6)
        painted = self.paint(content, weights[None]).clamp(0, 1)
        return (content + strength * (painted - content)).clamp(0, 1)


def detect(state: StateDict) -> bool:
    """Tell whether the tensors are those of ``ganplugin train style``."""
    return "enter.norm.scale" in state and "tint.matrix" in state


def infer_config(state: StateDict) -> StylizerConfig:
    """Read the shape off the tensors. Raises `CheckpointError` if one that tells it is missing."""
    try:
        styles, full = state["enter.norm.scale"].shape
        half, quarter = (state[f"down{index}.norm.scale"].shape[1] for index in range(2))
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError("is no complete stylizer", fix="use the file that train wrote") from error
    blocks = {key.split(".")[1] for key in state if key.startswith("residuals.")}
    limit = float(state["limit"]) if "limit" in state else 0.0
    return StylizerConfig(styles=styles, widths=(full, half, quarter), residuals=len(blocks), limit=limit)


def rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    """Return the network with its styles' names. Raises `CheckpointError` if the tensors do not fit together."""
    shape = infer_config(state)
    module = Stylizer(shape)
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"its tensors do not fit together: {error}") from error
    names = _names(config, shape.styles)
    first = torch.zeros(shape.styles)
    first[0] = 1
    inputs = (
        GraphInput("content", ("batch", 3, "height", "width")),
        GraphInput("style_weights", (shape.styles,), first),
        GraphInput("strength", (), torch.tensor(1.0)),
    )
    facts = {"channels": "RGB", "styles": names, "minimum_size": MINIMUM_SIZE}
    inferred = (
        HyperParameter(name="widths", value="-".join(map(str, shape.widths)), origin="tensor"),
        HyperParameter(name="residuals", value=shape.residuals, origin="tensor"),
    )
    return Network("style", eval_mode(module), inputs, ("image",), facts, inferred)


def _names(config: Mapping[str, object], styles: int) -> tuple[str, ...]:
    given = config.get("styles")
    if isinstance(given, (list, tuple)) and len(given) == styles:
        return tuple(str(name) for name in given)
    return tuple(f"style-{index + 1}" for index in range(styles))


FAMILY = Family(
    id="ganplugin-stylizer",
    title="Style network of ganplugin train style",
    kind="style",
    licence=MAKERS_RIGHTS,
    detect=detect,
    rebuild=rebuild,
)
