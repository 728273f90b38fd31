"""PatchNCE: each patch of a translation shall resemble the patch of the photo at its place more than any other.

Park et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation", section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Heads", "contrast", "draw_places", "patch_nce"]

_SIZE: Final = 256
_PLACES: Final = 256
_TEMPERATURE: Final = 0.07
_SPREAD: Final = 0.02


class Heads(nn.Module):
    """For each layer of features a perceptron of two layers, whose unit vectors are compared (section 3.2: H_l)."""

    def __init__(self, widths: Sequence[int], size: int = _SIZE) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(width, size), nn.ReLU(), nn.Linear(size, size)) for width in widths
        )
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0.0, _SPREAD)
                nn.init.zeros_(layer.bias)

    def forward(self, maps: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Return of maps [batch, c, h, w] the vectors [batch, n, size] at ``places`` [n], indices into h * w."""
        picked = [layer.flatten(2)[:, :, place].transpose(1, 2) for layer, place in zip(maps, places, strict=True)]
        return [F.normalize(head(vectors).float(), dim=2) for head, vectors in zip(self.layers, picked, strict=True)]


def draw_places(maps: Sequence[Tensor], random: torch.Generator, count: int = _PLACES) -> list[Tensor]:
    """Return up to ``count`` different places of each map (appendix C.1: 256), the same in all pictures of a batch."""
    return [torch.randperm(layer[0, 0].numel(), generator=random)[:count].to(layer.device) for layer in maps]


def patch_nce(query: Tensor, key: Tensor) -> Tensor:
    """Return the mean of -log(exp(q·k+ / t) / (exp(q·k+ / t) + sum of exp(q·k- / t))), equations 3 and 4, t = 0.07.

    ``query`` are unit vectors of the translation, ``key`` of the photo, both [batch, n, size]. k+ is the key at the
    query's own place, k- are those of the other n - 1 places of the same photo.
    """
    likeness = torch.bmm(query, key.transpose(1, 2)) / _TEMPERATURE
    own = torch.arange(key.shape[1], device=key.device).expand(len(key), -1)
    return F.cross_entropy(likeness.flatten(0, 1), own.flatten())


def contrast(heads: Heads, queries: Sequence[Tensor], keys: Sequence[Tensor], random: torch.Generator) -> Tensor:
    """Return PatchNCE of maps, the mean over layers (of which equation 4 has the sum). The keys take no gradient."""
    places = draw_places(queries, random)
    with torch.no_grad():
        wanted = heads([layer.detach() for layer in keys], places)
    found = [patch_nce(query, key) for query, key in zip(heads(queries, places), wanted, strict=True)]
    return torch.stack(found).mean()
