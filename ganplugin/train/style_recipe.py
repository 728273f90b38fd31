"""A whole training of styles from its options: what ``ganplugin train style`` calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ganplugin.train.data import Report, load_photos
from ganplugin.train.features import load_features
from ganplugin.train.loop import Schedule, run
from ganplugin.train.manner import MannerWeights
from ganplugin.train.painting_files import load_paintings
from ganplugin.train.precision import choose_device, choose_precision
from ganplugin.train.run_file import write_facts
from ganplugin.train.style import StyleOptions, StyleTarget, StyleTrainer

__all__ = ["StyleRecipe", "train_style"]


@dataclass(frozen=True)
class StyleRecipe:
    """Everything that decides what a stylizer becomes. ``paintings`` are files, folders, or ``NAME=FILE``.

    ``command`` is the call that makes it, for the page of the run.
    """

    paintings: tuple[Path, ...]
    photos: tuple[Path, ...]
    features: Path
    out: Path
    size: int = 384
    batch: int = 1
    crop: int = 192
    seed: int = 0
    learning_rate: float = 1e-3
    content_weight: float = 0.5
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    data: str = ""
    licence: str = ""
    command: tuple[str, ...] = ()


def train_style(recipe: StyleRecipe, schedule: Schedule, *, resume: bool, report: Report) -> Path:
    """Train a network for the paintings and return the checkpoint's path; raises what `run` and the data raise."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    device = choose_device(recipe.device)
    paintings = load_paintings(recipe.paintings, longest=recipe.size, report=report)
    targets = [StyleTarget(painting.name, painting.pixels) for painting in paintings]
    photos = load_photos(recipe.photos, shortest=max(recipe.size, recipe.crop), least=recipe.crop, report=report)
    report(f"{len(targets)} styles: {', '.join(target.name for target in targets)}; {len(photos)} photos")
    options = StyleOptions(
        batch=recipe.batch,
        crop=recipe.crop,
        seed=recipe.seed,
        learning_rate=recipe.learning_rate,
        weights=replace(MannerWeights(), content=recipe.content_weight),
        precision=choose_precision(recipe.precision, device),
    )
    provenance = {"data": recipe.data or "paintings and photos of the user", "licence": recipe.licence}
    trainer = StyleTrainer(targets, photos, load_features(recipe.features), options, provenance, device)
    if not resume:
        kept = ("size", "batch", "crop", "seed", "learning_rate", "content_weight")
        facts = {
            "recipe": "style",
            "options": {name: getattr(recipe, name) for name in kept},
            "paintings": [target.name for target in targets],
            "pictures": len(photos),
            "data": provenance["data"],
            "precision": options.precision,
            "command": list(recipe.command),
        }
        write_facts(recipe.out, facts)
    return run(trainer, recipe.out, schedule, resume=resume, say=report)
