"""``ganplugin train generator``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ganplugin.cli.export import needs_torch
from ganplugin.cli.train_course import finish, report, schedule_of
from ganplugin.cli.train_options import computing_options, keeping_option, run_options, spread_options
from ganplugin.cli.train_resuming import Resumable, called_as
from ganplugin.errors import InputError

if TYPE_CHECKING:
    from ganplugin.train.pictures.policy import Policy
    from ganplugin.train.run import Start

__all__ = ["generator"]

_PLACE = click.Path(path_type=Path)
_RECIPES = ("quick", "r3-small", "dcgan", "mlp", "fastgan", "stylegan2")
_LOSSES = ("minimax", "non-saturating", "lsgan", "hinge", "wgan", "wgan-gp", "relativistic")


class GeneratorTraining(Resumable):
    """Its folder is named after what it learns from."""

    def place(self, parameters: Mapping[str, Any]) -> Path:
        """Return the folder of a run where --out is not given."""
        return Path("runs") / str(parameters["pictures"][0].resolve().stem)


@click.command(cls=GeneratorTraining)
@click.argument("pictures", nargs=-1, required=True, type=_PLACE)
@click.option(
    "--recipe",
    type=click.Choice(_RECIPES),
    help="Networks and numbers.  [default: quick; on a GPU for an hour: r3-small]",
)
@click.option("--out", type=_PLACE, help="Folder of the run.  [default: runs/NAME of the pictures]")
@click.option("--size", help="Pixels a side, or WIDTHxHEIGHT: 96x64.  [default: 64, or that of a packed set]")
@click.option(
    "--channels",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "1", "3", "4"]),
    help="1 grey, 3 colour, 4 with alpha; auto: 1 if all pictures are grey, else 3.",
)
@click.option("--classes", is_flag=True, help="Learn to make each class; a picture's is the folder that it lies in.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop after this time in all.  [default: 30, without --kimg]",
)
@click.option(
    "--kimg",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop after this many thousand pictures in all, which gives the same result every time.",
)
@click.option("--crops", type=click.IntRange(min=16), help="Cut this many random pieces out of the pictures.")
@click.option("--loss", type=click.Choice(_LOSSES), help="What the two networks play.  [default: the recipe's]")
@click.option("--penalty", metavar="NAME=WEIGHT,...", help="r1=1,r2=1 or gp=10, or none.  [default: the recipe's]")
@click.option("--lazy", type=click.IntRange(1, 1000), help="Work penalties out every so many steps, as much heavier.")
@click.option("--augment", help="Of colour,translation,cutout; or ada, or none.  [default: the recipe's]")
@click.option("--flip/--no-flip", default=None, help="Show the pictures mirrored, too.  [default: the recipe's]")
@click.option("--batch", type=click.IntRange(2, 4096), help="Pictures a step.  [default: the recipe's]")
@click.option("--accumulate", default=1, show_default=True, type=click.IntRange(1, 1024), help="Pieces of each batch.")
@click.option("--width", type=click.IntRange(2, 1024), help="Channels at full size.  [default: the recipe's]")
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="The generator's at the start; the scorer's keeps its ratio.  [default: the recipe's]",
)
@click.option("--from", "start", type=_PLACE, help="Go on from these networks: any checkpoint that holds both.")
@click.option("--freeze", default=0, show_default=True, type=click.IntRange(0, 100), help="Scorer's layers to keep.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1), help="Decides every choice.")
@click.option(
    "--held-out",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 0.5),
    help="Part of the pictures that is measured against and never trained on; 0: none.",
)
@click.option("--metrics/--no-metrics", default=True, show_default=True, help="Measure samples, at some saves or all.")
@click.option(
    "--compile", "compiled", is_flag=True, help="Try torch.compile, for long runs on a GPU; kept where it is faster."
)
@keeping_option
@computing_options
@spread_options
@run_options
@click.pass_context
def generator(
    context: click.Context,
    pictures: tuple[Path, ...],
    recipe: str | None,
    out: Path,
    size: str | None,
    channels: str,
    classes: bool,
    minutes: float | None,
    kimg: float | None,
    crops: int | None,
    loss: str | None,
    penalty: str | None,
    lazy: int | None,
    augment: str | None,
    flip: bool | None,
    batch: int | None,
    accumulate: int,
    width: int | None,
    learning_rate: float | None,
    start: Path | None,
    freeze: int,
    seed: int,
    device: str,
    devices: int,
    nodes: int,
    precision: str,
    layout: Literal["auto", "plain", "channels-last"],
    threads: int | None,
    held_out: float,
    metrics: bool,
    compiled: bool,
    save_minutes: float,
    keep_kimg: float | None,
    data: str,
    licence: str,
    preview: bool,
    resume: bool,
) -> None:
    """Train a generator, and the scorer that judges it, on PICTURES (folders, files, zip files or a packed set).

    With --resume the run's own recipe and options hold where no others are given.

    \b
    Examples:
      ganplugin train generator textures --minutes 30
      ganplugin train generator paintings --crops 12000 --size 64 --out runs/brushwork
      ganplugin train generator digits --recipe dcgan --loss wgan-gp --size 28 --channels 1 --minutes 10
      ganplugin train generator flowers --from network.pkl --freeze 4 --kimg 100
      ganplugin train generator textures --out runs/textures --resume --minutes 60
    """
    with needs_torch("training"):
        from ganplugin.train.computing import Computing
        from ganplugin.train.recipes import RECIPES
        from ganplugin.train.recipes.choices import Choices
        from ganplugin.train.run import GeneratorRun, default_recipe, recipe_for, train_generator

    if freeze and start is None:
        raise InputError(
            "only what was learned before can be kept", where="--freeze", fix="add --from, or leave it out"
        )
    # A run that goes on has the networks of its own file, wherever the first one lies by now.
    begun = None
    if start is not None:
        begun = _start_again(out, start.name) if resume else _start(start, start.name)
    name = recipe or (recipe_for(begun.family) if begun else default_recipe(device, minutes))
    if begun and RECIPES[name].family != begun.family:
        raise InputError(f"--recipe {name} cannot go on from a {begun.family}", fix="leave out --recipe")
    choices = Choices(loss, penalty, lazy, batch, width, learning_rate, augment, flip)
    run = GeneratorRun(
        places=pictures,
        out=out,
        recipe=name,
        choices=choices,
        policy=_policy(pictures, size, channels, begun, classes=classes, crops=crops or 0, seed=seed),
        start=begun,
        seed=seed,
        accumulate=accumulate,
        freeze=freeze,
        computing=Computing(device, precision, threads, layout, devices, nodes, compiled),
        data=data,
        licence=licence,
        held_out=held_out,
        metrics=metrics,
        called=called_as(context),
    )
    size_of_batch = choices.batch or RECIPES[name].batch
    kept = 0 if keep_kimg is None else max(1, round(keep_kimg * 1000 / size_of_batch))
    steps = None if kimg is None else max(1, round(kimg * 1000 / size_of_batch))
    schedule = schedule_of(minutes, steps, save_minutes, kept, preview=preview)
    if checkpoint := train_generator(run, schedule, resume=resume, report=report):
        finish(checkpoint)


def _policy(
    places: tuple[Path, ...],
    size: str | None,
    channels: str,
    start: Start | None,
    *,
    classes: bool,
    crops: int,
    seed: int,
) -> Policy:
    """Return how pictures are cut: as asked, else to the size of a packed set, or of the networks to go on from."""
    from ganplugin.train.pictures.packed import RECORD, PackedSet
    from ganplugin.train.pictures.policy import Policy, parse_size

    shape = (0, 64, 64)
    if start is not None:
        shape = start.shape[:3]
    elif len(places) == 1 and (places[0] / RECORD).is_file():
        shape = PackedSet.open(places[0]).shape
    width, height = parse_size(size) if size else (shape[2], shape[1])
    return Policy.model_validate(
        {
            "width": width,
            "height": height,
            "way": "patches" if crops else "crop",
            "channels": shape[0] if channels == "auto" else int(channels),
            "classes": classes,
            "count": crops,
            "seed": seed,
        }
    )


def _start(path: Path, source: str) -> Start:
    """Return the generator and the discriminator of a file, which are said to be from ``source``.

    Raises `CheckpointError` if it lacks one.
    """
    from ganplugin.export.pair import load_pair
    from ganplugin.train.run import Start, recipe_for

    pair = load_pair(path)
    recipe_for(pair.family)
    shape = (pair.channels, pair.height, pair.width, pair.classes)
    return Start(pair.family, pair.generator, pair.scorer, pair.config, shape, source, pair.rights)


def _start_again(out: Path, source: str) -> Start:
    """Return what a run began with that goes on: its own networks, and what it noted of their source."""
    from ganplugin.export.rights import earlier_rights

    begun = _start(out / "checkpoint.safetensors", source)
    return replace(begun, rights=earlier_rights(begun.config))
