"""Discriminators of residual GANs (Miyato et al. 2018, Gulrajani et al. 2017) in mimicry's key layout, as scorers.

SNGAN, WGAN-GP, SSGAN (whose rotation head plays no part), InfoMax-GAN (whose projections play none), residual DCGAN,
and cGAN-PD, which adds the projection of the class on the last features. Any number of blocks and any widths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.label_embedding import class_facts, label_inputs
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.resnet_gan import LICENCE, refuse_attention
from ganplugin.models.setting import Setting
from ganplugin.models.spectral_norm import folded

__all__ = ["FAMILY", "ResidualDiscriminator"]

_TITLE: Final = "a residual GAN discriminator"
_BLOCK: Final = re.compile(r"^block(\d+)\.c1\.weight$")
_HEAD: Final = re.compile(r"^l(\d+)\.weight$")
_INFOMAX: Final = re.compile(r"^(local|global)_feat_blocks\.(\d+)\.(.*)$")
_UNUSED: Final = re.compile(r"^(local|global)_nrkhs_\w+\.")
_POOLING: Final = Setting("pooling", "pooling", "sum", choices=("sum", "mean"))
_SIDE: Final = Setting("side", "picture side", 0, least=8, most=4096, key="picture_side")


class _First(nn.Module):
    """Two convolutions and a halving, beside a halving and a 1 x 1 convolution."""

    def __init__(self, state: StateDict, name: str) -> None:
        super().__init__()
        hidden, before = state[f"{name}.c1.weight"].shape[:2]
        after = state[f"{name}.c2.weight"].shape[0]
        self.c1 = nn.Conv2d(before, hidden, 3, padding=1)
        self.c2 = nn.Conv2d(hidden, after, 3, padding=1)
        self.c_sc = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, after, h / 2, w / 2] for ``x`` [batch, before, h, w]."""
        inner = F.avg_pool2d(self.c2(self.c1(x).relu()), 2)
        outer: Tensor = self.c_sc(F.avg_pool2d(x, 2))
        return inner + outer


class _Block(nn.Module):
    """ReLU and convolution twice and perhaps a halving, beside a 1 x 1 convolution or nothing.

    The original's first ReLU writes over its input, so that the way around is rectified too.
    """

    def __init__(self, state: StateDict, name: str, *, halves: bool) -> None:
        super().__init__()
        hidden, before = state[f"{name}.c1.weight"].shape[:2]
        after = state[f"{name}.c2.weight"].shape[0]
        self.halves = halves
        self.c1 = nn.Conv2d(before, hidden, 3, padding=1)
        self.c2 = nn.Conv2d(hidden, after, 3, padding=1)
        self.c_sc = nn.Conv2d(before, after, 1) if f"{name}.c_sc.weight" in state else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, after, h / 2, w / 2], or h and w, for ``x`` [batch, before, h, w]."""
        rectified = x.relu()
        inner = self._resized(self.c2(self.c1(rectified).relu()))
        # A 1 x 1 convolution and a mean of neighbours commute: after the halving it costs a quarter.
        outer: Tensor = self.c_sc(self._resized(rectified))
        return inner + outer

    def _resized(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.halves else x


class ResidualDiscriminator(nn.Module):
    """Pictures 0..1, and a label [batch, classes] if it is conditional, to one logit each [batch]."""

    def __init__(self, blocks: nn.Sequential, width: int, classes: int, pooling: str) -> None:
        super().__init__()
        self.blocks = blocks
        self.head = nn.Linear(width, 1)
        self.projection = nn.Embedding(classes, width) if classes else None
        self.pooling = pooling

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the logit [batch] of each picture."""
        x: Tensor = self.blocks(image * 2 - 1).relu()
        features = x.sum(dim=(2, 3)) if self.pooling == "sum" else x.mean(dim=(2, 3))
        logits: Tensor = self.head(features).flatten()
        if self.projection is None or label is None:
            return logits
        return logits + (label @ self.projection.weight * features).sum(dim=1)


@dataclass(frozen=True)
class _Plan:
    """Which blocks there are and which of them halve; ``side`` is what training fed."""

    count: int
    halving: tuple[bool, ...]
    side: int


def _is_scorer(state: StateDict) -> bool:
    layouts = (("block1.c1.", "block1.c_sc.", "block2.c1."), ("local_feat_blocks.0.c1.", "global_feat_blocks.0.c1."))
    return any(all(any(key.startswith(name) for key in state) for name in names) for names in layouts)


def _plain(state: StateDict) -> dict[str, Tensor]:
    """Return the tensors that score, spectral norms folded, InfoMax-GAN's blocks named as the others'."""
    state = {key: tensor for key, tensor in folded(state).items() if not _UNUSED.match(key)}
    if "l_y.bias" in state:  # SSGAN's guess of the rotation
        state = {key: tensor for key, tensor in state.items() if not key.startswith("l_y.")}
    before = len({match[2] for key in state if (match := _INFOMAX.match(key)) and match[1] == "local"})
    renamed = {}
    for key, tensor in state.items():
        if match := _INFOMAX.match(key):
            key = f"block{int(match[2]) + 1 + (before if match[1] == 'global' else 0)}.{match[3]}"
        renamed[re.sub(r"^(l\d+|linear)\.", "head.", key)] = tensor
    return renamed


def _plan(state: StateDict, plain: StateDict, side: int) -> _Plan:
    """Return what the shortcuts tell. Raises `ValueError` if a block is missing.

    A block of equal widths has a shortcut if it halves. One of unequal widths always has one, and halves but for the
    last of the 48 x 48 networks, whose head has the number of its last block; where that does not tell, ``side`` does.
    """
    places = sorted(int(match[1]) for key in plain if (match := _BLOCK.match(key)))
    if places != list(range(1, len(places) + 1)):
        raise ValueError("its blocks are not numbered in a row from 1")
    halving = [f"block{place}.c_sc.weight" in plain for place in places]
    head = next((int(match[1]) for key in state if (match := _HEAD.match(key.replace("_orig", "")))), 0)
    if all(halving) and (
        head == len(places) or (side and side % 2 ** len(places) and not side % 2 ** (len(places) - 1))
    ):
        halving[-1] = False
        return _Plan(len(places), tuple(halving), side or 3 << (len(places) - 1))
    last = 2 << halving.count(False)
    return _Plan(len(places), tuple(halving), side or last << sum(halving))


def _built(plain: StateDict, plan: _Plan, pooling: str) -> ResidualDiscriminator:
    blocks: list[nn.Module] = [_First(plain, "block1")]
    for place, halves in enumerate(plan.halving[1:], start=2):
        blocks.append(_Block(plain, f"block{place}", halves=halves))
    width, table = plain[f"block{plan.count}.c2.weight"].shape[0], plain.get("l_y.weight")
    module = ResidualDiscriminator(nn.Sequential(*blocks), width, 0 if table is None else table.shape[0], pooling)
    renamed = {re.sub(r"^l_y\.", "projection.", key): tensor for key, tensor in plain.items()}
    module.load_state_dict(
        {re.sub(r"^block(\d+)\.", lambda m: f"blocks.{int(m[1]) - 1}.", key): value for key, value in renamed.items()}
    )
    return module


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _is_scorer(state):
        raise CheckpointError(f"is not {_TITLE}")
    refuse_attention(state)
    normed = any(key.endswith(("weight_orig", "sn_u")) for key in state)
    pooling = replace(_POOLING, default="sum" if normed else "mean").read(config)
    given = _SIDE.read(config)
    with rebuilding(_TITLE, state):
        plain = _plain(state)
        plan = _plan(state, plain, int(given.value))
        module = _built(plain, plan, str(pooling.value))
    channels, table = plain["block1.c1.weight"].shape[1], plain.get("l_y.weight")
    widths = ", ".join(str(plain[f"block{place + 1}.c2.weight"].shape[0]) for place in range(plan.count))
    facts: dict[str, object] = {"channels": picture_channels(channels), "width": plan.side, "height": plan.side}
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, plan.side, plan.side)), *label_inputs(table)),
        outputs=("score",),
        facts={**facts, **class_facts(table)},
        inferred=(
            HyperParameter(name="widths", value=widths, origin="tensor"),
            HyperParameter(name="halvings", value=sum(plan.halving), origin="tensor"),
            HyperParameter(name="classes", value=0 if table is None else table.shape[0], origin="tensor"),
            HyperParameter(name="picture side", value=plan.side, origin=given.origin),
            HyperParameter(name="score", value="the logit", origin="default"),
            pooling,
        ),
    )


FAMILY = Family(
    id="resnet-gan-scorer",
    title="SNGAN or WGAN-GP ResNet discriminator",
    kind="scorer",
    licence=LICENCE,
    detect=_is_scorer,
    rebuild=_rebuild,
    settings=(_POOLING, _SIDE),
    signature=("block1.c1.*", "block1.c_sc.*", "block2.c1.*"),
)
