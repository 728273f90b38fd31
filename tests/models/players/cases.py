"""Tiny pairs of networks of every family that can be trained, with what is needed to render them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.models import (
    dcgan,
    dcgan_scorer,
    fastgan,
    fastgan_scorer,
    mlp,
    r3gan,
    stylegan2,
    stylegan2_discriminator,
)
from ganplugin.models import quick as quick_family
from ganplugin.models.network import Family
from ganplugin.models.players import chains, quick
from ganplugin.models.players import fastgan as fastgan_players
from ganplugin.models.players import r3gan as r3gan_players
from ganplugin.models.players import stylegan2 as stylegan2_players
from ganplugin.models.players.player import Judge, Painter, Picture, reproducible
from ganplugin.models.quick_shape import QuickConfig

Pair = tuple[Painter, Judge]


@dataclass(frozen=True)
class Case:
    """How to make a pair, the families of its files, and how a pair is made of those."""

    picture: Picture
    make: Callable[[Picture], Pair]
    generator: Family
    scorer: Family
    loaded: Callable[[Mapping[str, Tensor], Mapping[str, Tensor], Mapping[str, object]], Pair]
    config: Mapping[str, object] = field(default_factory=dict)

    def fresh(self, seed: int = 0) -> Pair:
        """Return the pair that this seed makes."""
        with reproducible(seed):
            return self.make(self.picture)

    def labels(self, count: int) -> Tensor | None:
        """Return labels of so many pictures, or None without classes."""
        classes = self.picture.classes
        return F.one_hot(torch.arange(count) % classes, classes).float() if classes else None


def quick_config(picture: Picture, design: int) -> QuickConfig:
    return QuickConfig(
        size=16, z_dim=6, w_dim=6, width=4, scorer_width=4, channels=picture.channels,
        rows=picture.height // 4, columns=picture.width // 4, classes=picture.classes, design=design,
    )  # fmt: skip


def quick_case(picture: Picture, design: int = 2) -> Case:
    shape = quick_config(picture, design)
    return Case(
        picture, lambda _: quick.fresh(shape), quick_family.FAMILY, quick_family.SCORER_FAMILY, quick.loaded,
        {"config": vars(shape)},
    )  # fmt: skip


def r3_case(picture: Picture) -> Case:
    def make(picture: Picture) -> Pair:
        base = (picture.height // 4, picture.width // 4)
        plan = r3gan_players.R3Plan(picture, base, (8, 8, 6), group=4, z_dim=5, embedded=3)
        return r3gan_players.fresh(plan)

    return Case(picture, make, r3gan.FAMILY, r3gan.SCORER_FAMILY, r3gan_players.loaded)


def style2_case(picture: Picture) -> Case:
    base = (picture.height // 4, picture.width // 4)

    def make(picture: Picture) -> Pair:
        plan = stylegan2_players.Style2Plan(
            picture, base, (6, 5, 4), (6, 5, 4), z_dim=8, w_dim=7, mapping=(9, 7), embedded=5, judge_mapping=(6, 3)
        )
        return stylegan2_players.fresh(plan)

    families = stylegan2.FAMILY, stylegan2_discriminator.FAMILY
    return Case(picture, make, *families, stylegan2_players.loaded, {"base_rows": base[0]})


def fastgan_case(picture: Picture) -> Case:
    def make(picture: Picture) -> Pair:
        return fastgan_players.fresh(fastgan_players.FastganShape(picture, width=2, z_dim=6))

    return Case(picture, make, fastgan.FAMILY, fastgan_scorer.FAMILY, fastgan_players.loaded)


def dcgan_case(picture: Picture, *, normed: bool = True) -> Case:
    def make(picture: Picture) -> Pair:
        return chains.fresh_dcgan(chains.DcganPlan(picture, width=4, z_dim=6, normed=normed, embedded=3))

    return Case(picture, make, dcgan.FAMILY, dcgan_scorer.FAMILY, chains.loaded)


def mlp_case(picture: Picture) -> Case:
    def make(picture: Picture) -> Pair:
        return chains.fresh_mlp(chains.MlpPlan(picture, hidden=(8, 12), z_dim=6, embedded=2))

    config = chains.picture_config(picture)
    return Case(picture, make, mlp.FAMILY, mlp.SCORER_FAMILY, chains.loaded, config)


CASES = {
    "quick": quick_case(Picture(3, 16, 16)),
    "quick of the first release": quick_case(Picture(3, 16, 16), design=1),
    "quick oblong alpha classes": quick_case(Picture(4, 12, 20, 3)),
    "quick of the size that one is asked for": quick_case(Picture(3, 64, 64)),
    "quick grey": quick_case(Picture(1, 16, 16)),
    "r3": r3_case(Picture(3, 16, 16)),
    "r3 oblong alpha classes": r3_case(Picture(4, 12, 20, 3)),
    "stylegan2": style2_case(Picture(3, 16, 16)),
    "stylegan2 oblong grey classes": style2_case(Picture(1, 12, 20, 3)),
    "fastgan": fastgan_case(Picture(3, 64, 64)),
    "fastgan alpha": fastgan_case(Picture(4, 64, 64)),
    "dcgan": dcgan_case(Picture(3, 32, 32)),
    "dcgan without norms, digits": dcgan_case(Picture(1, 28, 28), normed=False),
    "dcgan alpha classes": dcgan_case(Picture(4, 16, 16, 3)),
    "mlp": mlp_case(Picture(1, 12, 12)),
    "mlp alpha classes": mlp_case(Picture(4, 8, 8, 3)),
}
