"""Tiny trainings under watch, healthy ones and ones that fail as asked; seconds each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ganplugin.models.players.player import Picture, reproducible
from ganplugin.train.game import Game, GameOptions
from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.held_out import HeldOut
from ganplugin.train.metrics.backbones.random_convolutions import random_convolutions
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.recipes.recipe import Ramp, Recipe
from ganplugin.train.watch.looking import Looking
from ganplugin.train.watch.verdict import Verdict
from ganplugin.train.watch.watching import GeneratorWatch
from tests.train.tiny import small

CPU = torch.device("cpu")
SIDE = 8

Pictures = Callable[[int, int, int], np.ndarray]


def washes(count: int, seed: int = 1, side: int = SIDE) -> np.ndarray:
    """Two colours that run into each other in any direction: uint8 [count, 3, side, side]."""
    random = np.random.default_rng(seed)
    first, second = random.uniform(0, 1, (2, count, 3, 1, 1))
    angle = random.uniform(0, 2 * np.pi, (count, 1, 1, 1))
    line = np.linspace(-1, 1, side)
    part = 0.5 + 0.5 * (np.cos(angle) * line[:, None] + np.sin(angle) * line[None, :]) / np.sqrt(2)
    pixels: np.ndarray = (255 * (first * part + second * (1 - part))).round().astype(np.uint8)
    return pixels


def noise(count: int, seed: int = 1, side: int = SIDE) -> np.ndarray:
    """Pictures with nothing in common, which can only be learnt by heart."""
    pixels: np.ndarray = np.random.default_rng(seed).integers(0, 256, (count, 3, side, side), np.uint8)
    return pixels


def same(recipe: Recipe) -> Recipe:
    return recipe


def parted(count: int, unseen: int = 60, side: int = SIDE, pictures: Pictures = washes) -> HeldOut:
    """``count`` pictures to train on, and others."""
    whole = PackedSet.in_memory(pictures(count + unseen, 1, side))
    rows = np.arange(count + unseen)
    return HeldOut(whole, whole.part(rows[unseen:]), whole.part(rows[:unseen]), 0.2, 0, "")


def watched(
    name: str, folder: Path, *, count: int = 200, side: int = SIDE, change: Callable[[Recipe], Recipe] = same,
    pictures: Pictures = washes, looking: bool = True, usable_kimg: float = 0.0, **choices: object,
) -> GeneratorWatch:  # fmt: skip
    """A training on washes, or on others, watched, of a recipe that is never too young to be judged."""
    held, picture = parted(count, side=side, pictures=pictures), Picture(3, side, side)
    recipe = replace(change(small(name, **{"batch": 16, **choices})), usable_kimg=usable_kimg)
    with reproducible(3):
        pair = recipe.make(picture, recipe.width, recipe)
    game = Game(recipe, pair, held.training, GameOptions(seed=3), CPU)
    look = Looking(held, random_convolutions(CPU), None, samples=100) if looking else None
    return GeneratorWatch(GeneratorTrainer(game, {"family": recipe.family}, {}), held, look, folder)


def train(watch: GeneratorWatch, steps: int, every: int = 2) -> list[Verdict]:
    """Do steps, and return what is said of them in between."""
    said: list[Verdict] = []
    for step in range(steps):
        losses = watch.trainer.advance(step / steps)
        if step % every == 0:
            said += watch.follow(losses)
    return said


def levels(watch: GeneratorWatch) -> dict[str, str]:
    """Measure, and return the level of each verdict."""
    watch.measure()
    return {verdict.name: verdict.level for verdict in watch.verdicts()}


def rates(generator: float, scorer: float) -> Callable[[Recipe], Recipe]:
    """Return what gives a recipe two rates that stay."""
    return lambda recipe: replace(recipe, generator_rate=Ramp.flat(generator), scorer_rate=Ramp.flat(scorer))
