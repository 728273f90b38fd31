"""The recipes of ``ganplugin train generator``, one a file: numbers with their sources, and how networks are made."""

from __future__ import annotations

from functools import reduce
from typing import Final

from ganplugin.registry import Registry
from ganplugin.train.recipes import dcgan, fastgan, mlp, quick, r3_small, stylegan2
from ganplugin.train.recipes.recipe import Recipe

__all__ = ["RECIPES"]

_ROWS: Final = (quick.RECIPE, r3_small.RECIPE, dcgan.RECIPE, mlp.RECIPE, fastgan.RECIPE, stylegan2.RECIPE)

RECIPES: Final[Registry[Recipe]] = reduce(
    lambda table, recipe: table.add(recipe.name, recipe), _ROWS, Registry[Recipe]("recipe")
)
"""The recipes by name."""
