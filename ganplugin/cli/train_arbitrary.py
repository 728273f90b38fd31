"""``ganplugin train arbitrary``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ganplugin.cli.export import needs_torch
from ganplugin.cli.train_course import finish, report, schedule_of
from ganplugin.cli.train_resuming import Resumable, called_as
from ganplugin.cli.train_style import PLACE, painting_options

__all__ = ["arbitrary"]


class ArbitraryTraining(Resumable):
    """Its folder is named after what it learns from."""

    def place(self, parameters: Mapping[str, Any]) -> Path:
        """Return the folder of a run where --out is not given."""
        return Path("runs") / f"any-{parameters['paintings'][0].resolve().stem}"


@click.command(cls=ArbitraryTraining)
@click.argument("paintings", nargs=-1, required=True, type=PLACE)
@click.option(
    "--size", default=512, show_default=True, type=click.IntRange(64, 4096), help="Longer side of the paintings."
)
@click.option(
    "--batch", default=2, show_default=True, type=click.IntRange(1, 256), help="Crops a step, each like one painting."
)
@click.option(
    "--learning-rate",
    default=1e-3,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Adam's learning rate.",
)
@painting_options
@click.pass_context
def arbitrary(
    context: click.Context,
    paintings: tuple[Path, ...],
    photos: tuple[Path, ...],
    features: Path | None,
    out: Path,
    size: int,
    crop: int,
    minutes: float | None,
    steps: int | None,
    batch: int,
    content_weight: float,
    learning_rate: float,
    seed: int,
    device: str,
    precision: str,
    threads: int | None,
    save_minutes: float,
    preview: bool,
    data: str,
    licence: str,
    resume: bool,
) -> None:
    """Train a network that paints in the manner of any painting, on PAINTINGS (folders or files, the more the better).

    The painting is then an input: ganplugin style MODEL PHOTO --style-image PAINTING. One in eight of the paintings,
    three at most, is not trained on; the last columns of the sample sheets show them.

    \b
    Examples:
      ganplugin train arbitrary paintings/
      ganplugin train arbitrary paintings/ --photos holiday --minutes 600 --out runs/any
    """
    with needs_torch("training"):
        from ganplugin.train.arbitrary_recipe import ArbitraryRecipe, train_arbitrary
        from ganplugin.train.assets import find_photos
        from ganplugin.train.computing import Computing
        from ganplugin.train.features import find_features

    recipe = ArbitraryRecipe(
        paintings=paintings,
        photos=photos or (find_photos(),),
        features=features or find_features(),
        out=out,
        size=size,
        crop=crop,
        batch=batch,
        content_weight=content_weight,
        learning_rate=learning_rate,
        seed=seed,
        computing=Computing(device, precision, threads),
        data=data,
        licence=licence,
        called=called_as(context),
    )
    schedule = schedule_of(minutes, steps, save_minutes, preview=preview)
    finish(train_arbitrary(recipe, schedule, resume=resume, report=report))
