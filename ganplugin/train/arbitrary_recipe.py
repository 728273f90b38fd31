"""A whole training of an any-painting network from its options: what ``ganplugin train arbitrary`` calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ganplugin.errors import TrainingError
from ganplugin.train.arbitrary import ArbitraryOptions, ArbitraryTrainer
from ganplugin.train.data import Report, load_photos
from ganplugin.train.features import load_features
from ganplugin.train.loop import Schedule, run
from ganplugin.train.painting_files import PaintingFile, load_paintings
from ganplugin.train.painting_recipe import PaintingRecipe
from ganplugin.train.precision import choose_precision

__all__ = ["ArbitraryRecipe", "split", "train_arbitrary"]

_EVERY: Final = 8
_MOST_HELD: Final = 3
_FEW: Final = 20


@dataclass(frozen=True)
class ArbitraryRecipe(PaintingRecipe):
    """See `PaintingRecipe`."""

    size: int = 512
    batch: int = 2


def split(paintings: Sequence[PaintingFile]) -> tuple[list[PaintingFile], list[PaintingFile]]:
    """Return the paintings to learn from, and one in eight, three at most, to see what strangers look like."""
    count = min(_MOST_HELD, len(paintings) // _EVERY)
    held = [paintings[(2 * index + 1) * len(paintings) // (2 * count)] for index in range(count)]
    return [painting for painting in paintings if painting not in held], held


def train_arbitrary(recipe: ArbitraryRecipe, schedule: Schedule, *, resume: bool, report: Report) -> Path:
    """Train a network on the paintings and return the checkpoint's path; raises what `run` and the data raise."""
    device = recipe.computing.begin()
    paintings = load_paintings(recipe.paintings, longest=recipe.size, report=report)
    if len(paintings) < 2:
        raise TrainingError("one painting is a style", where=recipe.paintings[0], fix="use ganplugin train style")
    learnt, held = split(paintings)
    photos = load_photos(recipe.photos, shortest=max(384, recipe.crop), least=recipe.crop, report=report)
    report(
        f"{len(learnt)} paintings; kept to try: {', '.join(one.name for one in held) or 'none'}; {len(photos)} photos"
    )
    if len(learnt) < _FEW:
        report(f"few paintings: of {len(learnt)} it learns their own manners rather than those of strangers")
    options = ArbitraryOptions(
        batch=recipe.batch,
        crop=recipe.crop,
        seed=recipe.seed,
        learning_rate=recipe.learning_rate,
        weights=recipe.weights,
        precision=choose_precision(recipe.computing.precision, device),
    )
    trainer = ArbitraryTrainer(
        [one.pixels for one in learnt],
        [one.pixels for one in held],
        photos,
        load_features(recipe.features),
        options,
        recipe.provenance,
        device,
    )
    if not resume:
        recipe.note("arbitrary", [painting.name for painting in learnt], len(photos), options.precision)
    return run(trainer, recipe.out, schedule, resume=resume, say=report, called=recipe.called)
