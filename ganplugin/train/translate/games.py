"""One turn of each method: what the generators minimise, and what the discriminators are then shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ganplugin.models.players.translators import PatchJudge, Translator
from ganplugin.train.translate.contrast import Heads, contrast
from ganplugin.train.translate.distances import apart, fooling
from ganplugin.train.translate.pool import Pool

__all__ = ["BACK", "FORWARD", "Deal", "Players", "Turn", "Weights", "contrastive", "cyclic", "paired"]

FORWARD, BACK = "forward", "back"
"""The directions: from the first collection to the second, and back."""


@dataclass(frozen=True)
class Weights:
    """Of the content term and the identity term; ``equivariant`` feeds half of the photos mirrored to the generator."""

    content: float
    identity: float = 0.0
    equivariant: bool = False


@dataclass(frozen=True)
class Deal:
    """What a turn plays with: pictures 0..1 of both collections, and how discriminators look at pictures."""

    photos: Tensor
    styles: Tensor
    random: torch.Generator
    look: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Players:
    """The networks by direction; ``heads`` compare features where a method does; a pool for each discriminator."""

    generators: Mapping[str, Translator]
    judges: Mapping[str, PatchJudge]
    heads: Heads | None = None
    pools: Mapping[str, Pool] = field(default_factory=dict)

    def modules(self) -> dict[str, nn.Module]:
        """Return every network that learns, by name."""
        named: dict[str, nn.Module] = {f"generator_{name}": one for name, one in self.generators.items()}
        named |= {f"scorer_{name}": one for name, one in self.judges.items()}
        return named if self.heads is None else {**named, "heads": self.heads}


@dataclass(frozen=True)
class Turn:
    """The terms, weighted, whose sum the generators minimise; for each discriminator the real pictures and the made."""

    terms: Mapping[str, Tensor]
    shown: Mapping[str, tuple[Tensor, Tensor]]


def contrastive(players: Players, weights: Weights, deal: Deal) -> Turn:
    """CUT and FastCUT: Park et al. 2020, equation 5.

    fooling + content * PatchNCE(photo, G(photo)) + identity * PatchNCE(style, G(style)). Equivariant: what
    becomes of a mirrored photo, mirrored back, shall resemble the photo (appendix C.1: FastCUT's flip-equivariance).
    """
    generator, heads = players.generators[FORWARD], players.heads
    if heads is None:
        raise ValueError("a contrastive game has heads")
    mirrored = weights.equivariant and bool(torch.rand((), generator=deal.random) < 0.5)

    def likeness(pictures: Tensor, photos: Tensor, *, turned: bool) -> Tensor:
        queries = [layer.flip(3) if turned else layer for layer in generator.encode(pictures)]
        with torch.no_grad():
            keys = generator.encode(photos)
        return contrast(heads, queries, keys, deal.random)

    made = generator(deal.photos.flip(3) if mirrored else deal.photos)
    terms = {
        "fool": fooling(players.judges[FORWARD](deal.look(made))),
        "content": weights.content * likeness(made, deal.photos, turned=mirrored),
    }
    if weights.identity:
        terms["identity"] = weights.identity * likeness(generator(deal.styles), deal.styles, turned=False)
    return Turn(terms, {FORWARD: (deal.styles, made)})


def cyclic(players: Players, weights: Weights, deal: Deal) -> Turn:
    """CycleGAN: Zhu et al. 2017, equation 3, and 6 for the identity.

    fooling both ways + content * (|F(G(x)) - x| + |G(F(y)) - y|) + identity * (|G(y) - y| + |F(x) - x|).
    """
    forward, back = players.generators[FORWARD], players.generators[BACK]
    made, unmade = forward(deal.photos), back(deal.styles)
    terms = {
        "fool": fooling(players.judges[FORWARD](deal.look(made))),
        "fool_back": fooling(players.judges[BACK](deal.look(unmade))),
        "content": weights.content * (apart(back(made), deal.photos) + apart(forward(unmade), deal.styles)),
    }
    if weights.identity:
        same = apart(forward(deal.styles), deal.styles) + apart(back(deal.photos), deal.photos)
        terms["identity"] = weights.identity * same
    shown = {
        FORWARD: (deal.styles, players.pools[FORWARD].exchange(made, deal.random)),
        BACK: (deal.photos, players.pools[BACK].exchange(unmade, deal.random)),
    }
    return Turn(terms, shown)


def paired(players: Players, weights: Weights, deal: Deal) -> Turn:
    """pix2pix: Isola et al. 2017, equation 4, with the least-squares game for its logarithms.

    fooling + content * |G(x) - y|. The discriminator sees the photo beside the picture (equation 1).
    """
    made = players.generators[FORWARD](deal.photos)
    beside, truth = (torch.cat((deal.photos, picture), dim=1) for picture in (made, deal.styles))
    terms = {
        "fool": fooling(players.judges[FORWARD](deal.look(beside))),
        "content": weights.content * apart(made, deal.styles),
    }
    return Turn(terms, {FORWARD: (truth, beside)})
