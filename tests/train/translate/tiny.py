"""Tiny translations of every method, which take a fraction of a second a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ganplugin.models.players.player import reproducible
from ganplugin.models.players.translators import fresh_judge, fresh_resnet, fresh_unet
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.translate.contrast import Heads
from ganplugin.train.translate.duel import Duel, DuelOptions
from ganplugin.train.translate.games import BACK, FORWARD, Players
from ganplugin.train.translate.methods import METHODS
from ganplugin.train.translate.pool import Pool
from ganplugin.train.translate.sides import Frame, Sides
from ganplugin.train.translate.trainer import TranslateTrainer
from ganplugin.train.workers import ALONE, Workers

FRAME = Frame(16, 16)


def noise(count: int, seed: int, side: int = 18) -> PackedSet:
    """Pictures of noise."""
    random = np.random.default_rng(seed)
    return PackedSet.in_memory(random.integers(0, 256, (count, 3, side, side), np.uint8))


def sides(*, paired: bool = False) -> Sides:
    """Two collections of different size, or pairs."""
    return Sides(noise(9, 1), noise(9 if paired else 7, 2), noise(3, 3), noise(3 if paired else 4, 4), paired)


def players(name: str, seed: int = 0) -> Players:
    """Networks of four channels, U-Nets but for CUT's; pools of three pictures."""
    method = METHODS[name]
    directions = (FORWARD, BACK) if method.both_ways else (FORWARD,)
    with reproducible(seed):
        generators = {direction: fresh_resnet(4, 1) if name == "cut" else fresh_unet(4, 2) for direction in directions}
        judges = {direction: fresh_judge(4, 6 if method.pairs else 3, 1) for direction in directions}
        heads = Heads(generators[FORWARD].widths(), size=8) if method.contrastive else None
    return Players(generators, judges, heads, {one: Pool(3) for one in directions} if method.both_ways else {})


def duel(name: str, workers: Workers = ALONE, *, seed: int = 0, **options: object) -> Duel:
    """A game of this method on noise."""
    method = METHODS[name]
    chosen = replace(DuelOptions(weights=method.weights, seed=5), **options)  # type: ignore[arg-type]
    return Duel(method, players(name, seed), sides(paired=method.pairs), FRAME, chosen, torch.device("cpu"), workers)


def trainer(name: str, *, both: bool = False) -> TranslateTrainer:
    """A trainer of such a game."""
    return TranslateTrainer(duel(name), {}, {"data": "noise", "licence": "CC0"}, both)
