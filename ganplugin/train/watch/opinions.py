"""What the scorer in training says of pictures that it learnt from, of others, and of made ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ganplugin.models.players.player import Judge
from ganplugin.train.ema import frozen_copy
from ganplugin.train.game import Game
from ganplugin.train.pictures.batches import load
from ganplugin.train.pictures.packed import PackedSet

__all__ = ["Opinions", "opinions_of"]

Scores = NDArray[np.float64]

_MOST: Final = 256
_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class Opinions:
    """Scores of training pictures, of pictures that were held out, and of what the generator makes now.

    They are counted from what says neither real nor made, see `Objective.certainty`.
    """

    training: Scores
    unseen: Scores
    made: Scores


def opinions_of(game: Game, unseen: PackedSet, most: int = _MOST) -> Opinions:
    """Ask copies of both networks, as they are in training, about up to ``most`` pictures of each kind.

    They come in the batches and with the random changes of training, the same pictures and changes each time. The
    game is left as it is, and so is torch's random state.
    """
    judge, painter = frozen_copy(game.judge), frozen_copy(game.painter)
    with torch.no_grad(), torch.random.fork_rng(devices=[game.device] if game.device.type == "cuda" else []):
        torch.manual_seed(_SEED)
        kept = game.own.get_state()
        game.own.manual_seed(_SEED)
        sides = [_of_pictures(game, judge, pictures, most) for pictures in (game.pictures, unseen)]
        made = []
        for start in range(0, most, game.recipe.batch):
            label = _one_hot(game, torch.arange(start, start + game.recipe.batch))
            z = torch.randn(game.recipe.batch, painter.z_dim).to(game.device)
            made.append(_scored(game, judge, painter.paint(z, label), label))
        game.own.set_state(kept)
    painted = np.concatenate(made)[:most]
    undecided = game.objective.undecided
    middle = (sides[0].mean() + painted.mean()) / 2 if undecided is None else undecided
    return Opinions(sides[0] - middle, sides[1] - middle, painted - middle)


def _of_pictures(game: Game, judge: Judge, pictures: PackedSet, most: int) -> Scores:
    rows = np.random.default_rng(_SEED).permutation(len(pictures))[:most]
    batch, scores = game.recipe.batch, []
    for start in range(0, len(rows), batch):
        # The last batch is filled up with the first pictures: batch norms and the like see whole ones alone.
        some = np.take(rows, np.arange(start, start + batch), mode="wrap")
        images = load(pictures, some).to(game.device, torch.float32) / 255
        label = None if pictures.labels is None else _one_hot(game, torch.from_numpy(pictures.labels[some]))
        scores.append(_scored(game, judge, images, label))
    return np.concatenate(scores)[: len(rows)]


def _scored(game: Game, judge: Judge, images: Tensor, label: Tensor | None) -> Scores:
    scores: Scores = judge(game.changed(images), label).float().reshape(len(images), -1).mean(1).double().cpu().numpy()
    return scores


def _one_hot(game: Game, numbers: Tensor) -> Tensor | None:
    classes = game.picture.classes
    return F.one_hot(numbers % classes, classes).to(game.device, torch.float32) if classes else None
