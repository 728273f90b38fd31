"""What a person changes of a recipe: the loss, its penalties, sizes and rates."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganplugin.train.augment import changes_of
from ganplugin.train.objectives import OBJECTIVES, Objective
from ganplugin.train.penalties import Penalties
from ganplugin.train.recipes.recipe import Recipe

__all__ = ["Choices", "adapted"]


@dataclass(frozen=True)
class Choices:
    """What was asked for; None leaves it to the recipe. ``penalty`` is a text as `Penalties.parsed` reads it.

    ``augment`` names changes of DiffAugment, or is ``none``, or ``ada`` for those of ADA, steered.
    """

    loss: str | None = None
    penalty: str | None = None
    lazy: int | None = None
    batch: int | None = None
    width: int | None = None
    learning_rate: float | None = None
    augment: str | None = None
    flip: bool | None = None


def adapted(recipe: Recipe, choices: Choices) -> Recipe:
    """Return the recipe with what was chosen. Raises `InputError` for unknown names and impossible numbers."""
    if choices.loss is not None and choices.loss != recipe.objective:
        recipe = _with_objective(recipe, OBJECTIVES[choices.loss])
    if choices.penalty is not None:
        recipe = replace(recipe, penalties=Penalties.parsed(choices.penalty, recipe.penalties.every), per_area=False)
    if choices.lazy is not None:
        recipe = replace(recipe, penalties=replace(recipe.penalties, every=choices.lazy))
    if choices.learning_rate is not None:
        recipe = _with_rate(recipe, choices.learning_rate)
    if choices.augment is not None:
        recipe = _with_augment(recipe, choices.augment)
    return replace(
        recipe,
        batch=choices.batch or recipe.batch,
        width=choices.width or recipe.width,
        flip=recipe.flip if choices.flip is None else choices.flip,
    )


def _with_objective(recipe: Recipe, objective: Objective) -> Recipe:
    """Take over what belongs to the game: a critic's penalty in place of the recipe's, its steps, no momentum."""
    recipe = replace(recipe, objective=objective.name, scorer_steps=objective.scorer_steps)
    if objective.scorer_steps > 1:
        recipe = replace(recipe, beta1=0.0)
    if objective.penalty:
        recipe = replace(recipe, penalties=Penalties(gp=objective.penalty), per_area=False)
    return recipe


def _with_rate(recipe: Recipe, rate: float) -> Recipe:
    """Scale both rates so that the generator's starts at ``rate``."""
    factor = rate / recipe.generator_rate.start
    return replace(
        recipe, generator_rate=recipe.generator_rate.scaled(factor), scorer_rate=recipe.scorer_rate.scaled(factor)
    )


def _with_augment(recipe: Recipe, augment: str) -> Recipe:
    if augment == "ada":
        every = ("flip", "quarter", "shift", "scale", "rotate", "stretch", "fraction")
        colours = ("brightness", "contrast", "luma", "hue", "saturation")
        return replace(recipe, changes=(), ada=recipe.ada or (*every, *colours), steered=True)
    names = changes_of("" if augment == "none" else augment)
    return replace(recipe, changes=names, ada=(), steered=False)
