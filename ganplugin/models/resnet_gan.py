"""Residual GAN generators (Gulrajani et al. 2017, Miyato et al. 2018) in the key layout of kwotsin's mimicry.

SNGAN, WGAN-GP, SSGAN, InfoMax-GAN and residual DCGAN share one generator; cGAN-PD (Miyato and Koyama 2018) has its
norms scaled and shifted by the class. Every size is read from shapes, so any base, depth and width works.
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
from ganplugin.models.activations import shown
from ganplugin.models.label_embedding import class_facts, label_inputs
from ganplugin.models.layer_chain import square_side
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.setting import Setting
from ganplugin.models.spectral_norm import folded

__all__ = ["FAMILY", "LICENCE", "ResidualGenerator", "refuse_attention"]

LICENCE: Final = "mimicry's code is MIT; the rights in the weights are those of whoever trained them."

_TITLE: Final = "a residual GAN generator"
_FIRST_BLOCK: Final = 2
_TABLE: Final = "block2.b1.embed.weight"
_BLOCK: Final = re.compile(r"^block(\d+)\.c1\.weight$")
_LAST: Final = Setting("last_activation", "last activation", "tanh", choices=("tanh", "sigmoid"))


class _ClassNorm(nn.Module):
    """Batch norm whose scale and shift are one row a class of ``embed``."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, affine=False)
        self.embed = nn.Embedding(classes, 2 * channels)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Return ``x`` normed; ``label`` is [batch, classes]."""
        scale, shift = (label @ self.embed.weight)[:, :, None, None].chunk(2, dim=1)
        normed: Tensor = scale * self.bn(x) + shift
        return normed


class _PlainNorm(nn.BatchNorm2d):
    """Batch norm that takes the label of a conditional one and leaves it unread."""

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Return ``x`` normed by the stored statistics."""
        return super().forward(x)


class _Block(nn.Module):
    """Norm, ReLU, doubling and convolution, then once more without doubling, beside a 1 x 1 convolution."""

    def __init__(self, state: StateDict, name: str, classes: int) -> None:
        super().__init__()
        hidden, before = state[f"{name}.c1.weight"].shape[:2]
        after = state[f"{name}.c2.weight"].shape[0]
        self.doubles = f"{name}.c_sc.weight" in state
        self.b1 = _norm(before, classes)
        self.b2 = _norm(hidden, classes)
        self.c1 = nn.Conv2d(before, hidden, 3, padding=1)
        self.c2 = nn.Conv2d(hidden, after, 3, padding=1)
        self.c_sc = nn.Conv2d(before, after, 1) if self.doubles else nn.Identity()

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """Return [batch, after, 2 h, 2 w] for ``x`` [batch, before, h, w]."""
        inner: Tensor = self.c2(self.b2(self.c1(self._resized(self.b1(x, label).relu())), label).relu())
        # A 1 x 1 convolution and a mean of neighbours commute: before the doubling it costs a quarter.
        return inner + self._resized(self.c_sc(x))

    def _resized(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False) if self.doubles else x


class ResidualGenerator(nn.Module):
    """z [batch, z_dim], and a label [batch, classes] if it is conditional, to pictures 0..1.

    ``base`` is channels and side of the first map, ``ends`` the channels of the last map and of the pictures.
    """

    def __init__(
        self, z_dim: int, base: tuple[int, int], blocks: nn.ModuleList, ends: tuple[int, int], last: str
    ) -> None:
        super().__init__()
        self.base = base
        self.last = last
        self.first = nn.Linear(z_dim, base[0] * base[1] ** 2)
        self.blocks = blocks
        self.norm = nn.BatchNorm2d(ends[0])
        self.convolution = nn.Conv2d(*ends, 3, padding=1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures 0..1."""
        width, side = self.base
        x = torch.unflatten(self.first(z), 1, (width, side, side))
        for block in self.blocks:
            x = block(x, label)
        return shown(self.convolution(self.norm(x).relu()), self.last)


def _norm(channels: int, classes: int) -> nn.Module:
    return _ClassNorm(channels, classes) if classes else _PlainNorm(channels)


def refuse_attention(state: StateDict) -> None:
    """Raise `CheckpointError` for a network with an attention block, such as SAGAN's."""
    if any(key.startswith("attn_block.") for key in state):
        raise CheckpointError(
            "is a SAGAN: a residual GAN with an attention block, which cannot be rebuilt here",
            fix="export a network without attention",
        )


def _is_generator(state: StateDict) -> bool:
    return (
        any(key in state for key in ("l1.weight", "l1.weight_orig"))
        and any(key.startswith(f"block{_FIRST_BLOCK}.b1.") for key in state)
        and any(key.startswith(f"block{_FIRST_BLOCK}.c1.") for key in state)
    )


def _places(state: StateDict) -> list[int]:
    """Return the numbers of the blocks. Raises `ValueError` if one is missing."""
    places = sorted(int(match[1]) for key in state if (match := _BLOCK.match(key)))
    if places != list(range(_FIRST_BLOCK, _FIRST_BLOCK + len(places))) or not places:
        raise ValueError("its blocks are not numbered in a row from 2")
    return places


def _base(weight: Tensor, width: int) -> tuple[int, int]:
    """Return channels and side of the first map. Raises `ValueError` if it is not square."""
    side = square_side(weight.shape[0], width)
    if not side:
        raise ValueError(f"its first layer makes {weight.shape[0]} values, no square map of {width} channels")
    return width, side


def _built(state: StateDict, last: str) -> ResidualGenerator:
    places = _places(state)
    end, table = places[-1] + 1, state.get(_TABLE)
    blocks = nn.ModuleList(_Block(state, f"block{place}", 0 if table is None else table.shape[0]) for place in places)
    base = _base(state["l1.weight"], state[f"block{_FIRST_BLOCK}.c1.weight"].shape[1])
    channels, width = state[f"c{end}.weight"].shape[:2]
    module = ResidualGenerator(state["l1.weight"].shape[1], base, blocks, (width, channels), last)
    module.load_state_dict(_renamed(state, end))
    return module


def _renamed(state: StateDict, end: int) -> dict[str, Tensor]:
    renamed = {}
    for key, tensor in state.items():
        name, _, rest = key.partition(".")
        place = re.fullmatch(r"block(\d+)", name)
        steps = {"l1": "first", f"b{end}": "norm", f"c{end}": "convolution"}
        step = f"blocks.{int(place[1]) - _FIRST_BLOCK}" if place else steps.get(name, name)
        renamed[f"{step}.{rest}"] = tensor
    return renamed


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _is_generator(state):
        raise CheckpointError(f"is not {_TITLE}")
    refuse_attention(state)
    last = _LAST.read(config)
    with rebuilding(_TITLE, state):
        module = _built(folded(state), str(last.value))
    (width, base), table = module.base, state.get(_TABLE)
    side = base << sum(f"block{place}.c_sc.bias" in state for place in range(_FIRST_BLOCK, len(module.blocks) + 2))
    z_dim, channels = module.first.in_features, module.convolution.out_channels
    rows = (
        ("latent size", z_dim),
        ("width", width),
        ("first side", base),
        ("residual blocks", len(module.blocks)),
        ("picture side", side),
        ("classes", 0 if table is None else table.shape[0]),
    )
    facts: dict[str, object] = {"channels": picture_channels(channels), "width": side, "height": side}
    return Network(
        kind="generator",
        module=eval_mode(module),
        inputs=(GraphInput("z", ("batch", z_dim)), *label_inputs(table)),
        outputs=("image",),
        facts={"z_dim": z_dim, **facts, **class_facts(table)},
        inferred=(
            *(HyperParameter(name=name, value=value, origin="tensor") for name, value in rows),
            HyperParameter(name="doubling", value="bilinear, corners not aligned", origin="default"),
            HyperParameter(name="norm epsilon", value=1e-5, origin="default"),
            last,
        ),
    )


FAMILY = Family(
    id="resnet-gan",
    title="SNGAN or WGAN-GP ResNet generator",
    kind="generator",
    licence=LICENCE,
    detect=_is_generator,
    rebuild=_rebuild,
    settings=(_LAST,),
    signature=("l1.*", "block2.c1.*", "block2.b1.*", "block2.b2.*", "block3.c1.*"),
)
