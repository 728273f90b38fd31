"""A whole training of styles from its options: what ``ganplugin train style`` calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganplugin.train.data import Report, load_photos
from ganplugin.train.features import load_features
from ganplugin.train.loop import Schedule, run
from ganplugin.train.painting_files import load_paintings
from ganplugin.train.painting_recipe import PaintingRecipe
from ganplugin.train.precision import choose_precision
from ganplugin.train.style import StyleOptions, StyleTarget, StyleTrainer

__all__ = ["StyleRecipe", "train_style"]


@dataclass(frozen=True)
class StyleRecipe(PaintingRecipe):
    """See `PaintingRecipe`; ``paintings`` may also be ``NAME=FILE``."""

    size: int = 384
    batch: int = 1


def train_style(recipe: StyleRecipe, schedule: Schedule, *, resume: bool, report: Report) -> Path:
    """Train a network for the paintings and return the checkpoint's path; raises what `run` and the data raise."""
    device = recipe.computing.begin()
    paintings = load_paintings(recipe.paintings, longest=recipe.size, report=report)
    targets = [StyleTarget(painting.name, painting.pixels) for painting in paintings]
    photos = load_photos(recipe.photos, shortest=max(recipe.size, recipe.crop), least=recipe.crop, report=report)
    report(f"{len(targets)} styles: {', '.join(target.name for target in targets)}; {len(photos)} photos")
    options = StyleOptions(
        batch=recipe.batch,
        crop=recipe.crop,
        seed=recipe.seed,
        learning_rate=recipe.learning_rate,
        weights=recipe.weights,
        precision=choose_precision(recipe.computing.precision, device),
    )
    trainer = StyleTrainer(targets, photos, load_features(recipe.features), options, recipe.provenance, device)
    if not resume:
        recipe.note("style", [target.name for target in targets], len(photos), options.precision)
    return run(trainer, recipe.out, schedule, resume=resume, say=report, called=recipe.called)
