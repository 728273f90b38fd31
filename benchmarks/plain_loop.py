"""The loop that tutorials write: picture files through Pillow and a DataLoader, eager float32, penalties at every step.

It is what our training is held against, with the very networks and the loss of a recipe, or with the tutorial's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ganplugin.models.players import chains
from ganplugin.models.players.player import Judge, Painter, Picture
from ganplugin.train.objectives import OBJECTIVES
from ganplugin.train.penalties import Penalties, squared_slope
from ganplugin.train.recipes.recipe import Pair, Recipe

__all__ = ["PictureFiles", "PlainLoop", "tutorial_dcgan"]


class PictureFiles(Dataset[Tensor]):
    """Picture files of a folder, opened when they are asked for, on white: float32 0..1 [3, side, side]."""

    def __init__(self, paths: list[Path], side: int) -> None:
        self.paths, self.side = paths, side

    def __len__(self) -> int:
        """Count them."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """Open one."""
        picture = Image.open(self.paths[index]).convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        flat = Image.alpha_composite(ground, picture).convert("RGB")
        pixels = np.asarray(ImageOps.fit(flat, (self.side, self.side), Image.Resampling.BILINEAR))
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


class PlainLoop:
    """Two networks, two optimisers, one batch after the other."""

    def __init__(
        self, pair: Pair, recipe: Recipe, files: PictureFiles, penalties: Penalties | None = None, seed: int = 0
    ) -> None:
        self.painter, self.judge = pair[0].train(), pair[1].train()
        self.objective, self.penalties, self.batch = OBJECTIVES[recipe.objective], penalties, recipe.batch
        self.files, self.random, self.seen = files, torch.Generator().manual_seed(seed), 0
        rates = ((self.painter, recipe.generator_rate), (self.judge, recipe.scorer_rate))
        betas = (recipe.beta1, recipe.beta2.start)
        self.painting, self.judging = (torch.optim.Adam(one.parameters(), rate.start, betas) for one, rate in rates)
        self.batches = self._batches()

    def _batches(self) -> Iterator[Tensor]:
        loader = DataLoader(self.files, self.batch, shuffle=True, drop_last=True, generator=self.random)
        while True:
            yield from loader

    def advance(self) -> None:
        """Do one step: the scorer, then the generator."""
        real = next(self.batches)
        made = self.painter.paint(torch.randn(len(real), self.painter.z_dim, generator=self.random))
        shown, shown_made = real.requires_grad_(self._slopes), made.detach().requires_grad_(self._slopes)
        real_score, made_score = self.judge(shown), self.judge(shown_made)
        loss = self.objective.scorer(real_score, made_score)
        if self.penalties is not None and self._slopes:
            slopes = squared_slope(real_score, shown), squared_slope(made_score, shown_made)
            loss = loss + replace(self.penalties, every=1).of_slopes(*slopes, None)
        _descend(self.judging, loss)
        with torch.no_grad():
            real_score = self.judge(real)
        _descend(self.painting, self.objective.generator(real_score, self.judge(made)))
        self.seen += len(real)

    @property
    def _slopes(self) -> bool:
        return self.penalties is not None and bool(self.penalties.r1 or self.penalties.r2)

    @torch.no_grad()
    def paint(self, start: int, count: int) -> Tensor:
        """Return pictures of the latents ``start`` .. of a fixed row, float32 0..1, as the network stands."""
        z = [torch.randn(self.painter.z_dim, generator=torch.Generator().manual_seed(start + i)) for i in range(count)]
        was = self.painter.training
        pictures = self.painter.eval().paint(torch.stack(z)).clamp(0, 1)
        self.painter.train(was)
        return pictures


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def tutorial_dcgan(side: int, width: int) -> tuple[Painter, Judge]:
    """Return the networks of PyTorch's DCGAN example, ``width`` channels in the largest map."""
    pair: tuple[Painter, Judge] = chains.fresh_dcgan(chains.DcganPlan(Picture(3, side, side), width=width, normed=True))
    return pair
