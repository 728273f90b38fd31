"""Tiny games of every recipe, which all take a fraction of a second a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ganplugin.models.players.player import Picture, reproducible
from ganplugin.train.game import Game, GameOptions
from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.penalties import Penalties
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.recipes import RECIPES
from ganplugin.train.recipes.choices import Choices, adapted
from ganplugin.train.recipes.recipe import Recipe

WIDTHS = {"quick": 4, "r3-small": 8, "dcgan": 4, "mlp": 6, "fastgan": 2, "stylegan2": 2}
SIDES = {"fastgan": 64}


def noise(picture: Picture, count: int = 24, seed: int = 1) -> PackedSet:
    """Pictures of noise, of as many classes as asked for."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, picture.channels, picture.height, picture.width), np.uint8)
    if not picture.classes:
        return PackedSet.in_memory(pixels)
    names = tuple("abcdefgh"[: picture.classes])
    return PackedSet.in_memory(pixels, np.arange(count, dtype=np.int64) % picture.classes, classes=names)


def square(name: str, channels: int = 3) -> Picture:
    """The smallest square picture that a recipe is tested with."""
    side = SIDES.get(name, 16)
    return Picture(channels, side, side)


def small(name: str, **choices: object) -> Recipe:
    """A recipe with few channels and a batch of 4, its penalties often enough to be met."""
    recipe = adapted(RECIPES[name], Choices(**{"batch": 4, "width": WIDTHS[name], **choices}))  # type: ignore[arg-type]
    lazy = min(recipe.penalties.every, 3)
    return replace(recipe, penalties=replace(recipe.penalties, every=lazy))


def game(name: str, picture: Picture | None = None, *, seed: int = 3, count: int = 24, **choices: object) -> Game:
    """A game of this recipe on noise."""
    picture, recipe = picture or square(name), small(name, **choices)
    with reproducible(seed):
        pair = recipe.make(picture, recipe.width, recipe)
    return Game(recipe, pair, noise(picture, count), GameOptions(seed=seed), torch.device("cpu"))


def trainer(name: str, picture: Picture | None = None, **choices: object) -> GeneratorTrainer:
    """A trainer of such a game."""
    played = game(name, picture, **choices)
    config = {"family": played.recipe.family, **played.recipe.config(played.painter, played.picture)}
    return GeneratorTrainer(played, config, {"data": "noise", "licence": "CC0"})


def penalties(**weights: float) -> Penalties:
    """Penalties due at every second step."""
    return Penalties(**weights, every=2)
