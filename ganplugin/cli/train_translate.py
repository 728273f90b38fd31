"""``ganplugin train translate``."""

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
    from ganplugin.train.translate.run import Beginning

__all__ = ["translate"]

_PLACE = click.Path(path_type=Path)


class TranslateTraining(Resumable):
    """Its folder is named after what it learns from."""

    def place(self, parameters: Mapping[str, Any]) -> Path:
        """Return the folder of a run where --out is not given."""
        places = (parameters["first"], parameters["second"])
        return Path("runs") / "-to-".join(place.resolve().stem for place in places if place is not None)


@click.command(cls=TranslateTraining)
@click.argument("first", type=_PLACE)
@click.argument("second", required=False, type=_PLACE)
@click.option(
    "--method",
    type=click.Choice(["fastcut", "cut", "cyclegan"]),
    help="How to learn without pairs.  [default: fastcut]",
)
@click.option("--paired", is_flag=True, help="Learn from pairs (pix2pix): partners have the same file name.")
@click.option("--reverse", is_flag=True, help="Learn from SECOND to FIRST, or from right to left.")
@click.option("--both", is_flag=True, help="Write the way back too; with --method cyclegan.")
@click.option("--out", type=_PLACE, help="Folder of the run.  [default: runs/FIRST-to-SECOND]")
@click.option("--size", help="Pixels a side that are learned on, or WIDTHxHEIGHT.  [default: 96]")
@click.option("--width", type=click.IntRange(2, 256), help="Channels at full size.  [default: 24]")
@click.option("--blocks", type=click.IntRange(1, 32), help="Residual blocks of a resnet.  [default: 6]")
@click.option(
    "--network",
    type=click.Choice(["resnet", "unet"]),
    help="Generator; a resnet learns slowly, and bends shapes.  [default: unet]",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop after this time in all.  [default: 30, without --kimg]",
)
@click.option(
    "--kimg",
    type=click.FloatRange(min=0, min_open=True),
    help="Stop after this many thousand photos in all, which gives the same result every time.",
)
@click.option("--crops", type=click.IntRange(min=16), help="Cut this many random pieces out of either collection.")
@click.option(
    "--content-weight", type=click.FloatRange(min=0), help="Higher keeps more of the photo.  [default: the method's]"
)
@click.option(
    "--identity", type=click.FloatRange(min=0), help="Higher leaves alone what has the style.  [default: cut 1, else 0]"
)
@click.option("--augment", help="Of colour,translation,cutout, for few pictures; or none.  [default: none]")
@click.option("--flip/--no-flip", default=None, help="Show the pictures mirrored, too.  [default: yes]")
@click.option("--batch", type=click.IntRange(1, 1024), help="Photos a step.  [default: 1]")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Adam's.  [default: 0.0002]")
@click.option("--from", "start", type=_PLACE, help="Go on from this generator: CycleGAN's, pix2pix's or CUT's.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 2), help="Decides every choice.  [default: 0]")
@click.option("--metrics/--no-metrics", default=True, show_default=True, help="Measure translations, at some saves.")
@keeping_option
@computing_options
@spread_options
@run_options
@click.pass_context
def translate(
    context: click.Context,
    first: Path,
    second: Path | None,
    method: str | None,
    paired: bool,
    reverse: bool,
    both: bool,
    out: Path,
    size: str | None,
    width: int | None,
    blocks: int | None,
    network: str | None,
    minutes: float | None,
    kimg: float | None,
    crops: int | None,
    content_weight: float | None,
    identity: float | None,
    augment: str | None,
    flip: bool | None,
    batch: int | None,
    learning_rate: float | None,
    start: Path | None,
    seed: int | None,
    metrics: bool,
    device: str,
    devices: int,
    nodes: int,
    precision: str,
    layout: Literal["auto", "plain", "channels-last"],
    threads: int | None,
    save_minutes: float,
    keep_kimg: float | None,
    data: str,
    licence: str,
    preview: bool,
    resume: bool,
) -> None:
    """Train a network from pictures of FIRST to those of SECOND (folders, zip files, patterns or packed sets).

    With --paired and without SECOND, each picture of FIRST holds both, side by side. With --resume the run's own method
    and options hold where no others are given.

    \b
    Examples:
      ganplugin train translate photos paintings --minutes 60
      ganplugin train translate photos monet.zip --crops 4000 --size 96 --augment colour,translation
      ganplugin train translate horses zebras --method cyclegan --both
      ganplugin train translate edges drawings --paired
      ganplugin train translate facades --paired --reverse
      ganplugin train translate photos paintings --from latest_net_G.pth --kimg 2
    """
    with needs_torch("training"):
        from ganplugin.train.computing import Computing
        from ganplugin.train.pictures.policy import parse_size
        from ganplugin.train.translate.plan import Plan
        from ganplugin.train.translate.run import TranslateRun, train_translation

    if blocks is not None and network != "resnet":
        raise InputError(
            "a U-Net has no residual blocks", where="--blocks", fix="add --network resnet, or leave it out"
        )
    if paired and method:
        raise InputError(f"{method} learns without pairs", fix="leave out --method or --paired")
    begun = None
    if start is not None:
        begun = _beginning_again(out, start.name) if resume else _beginning(start, start.name)
    asked = {
        "method": "pix2pix" if paired else method,
        "size": parse_size(size) if size else None,
        "crops": crops,
        "flip": flip,
        "reverse": reverse or None,
        "both": both or None,
        "network": network,
        "width": width,
        "blocks": blocks,
        "batch": batch,
        "learning_rate": learning_rate,
        "content": content_weight,
        "identity": identity,
        "augment": augment,
        "seed": seed,
    }
    plan = Plan.of(asked)
    run = TranslateRun(
        first=first,
        second=second,
        out=out,
        plan=plan,
        start=begun,
        metrics=metrics,
        computing=Computing(device, precision, threads, layout, devices, nodes),
        data=data,
        licence=licence,
        called=called_as(context),
    )
    steps, kept = (None if count is None else max(1, round(count * 1000 / plan.batch)) for count in (kimg, keep_kimg))
    schedule = schedule_of(minutes, steps, save_minutes, kept or 0, preview=preview)
    if checkpoint := train_translation(run, schedule, resume=resume, report=report):
        finish(checkpoint)


def _beginning(path: Path, source: str) -> Beginning:
    """Return the networks of a file, which are said to be from ``source``."""
    from ganplugin.export.translator import load_translator
    from ganplugin.train.translate.run import Beginning

    found = load_translator(path)
    return Beginning(found.family, found.generator, found.scorer, found.config, source, found.rights)


def _beginning_again(out: Path, source: str) -> Beginning:
    """Return what a run began with that goes on: its own networks, and what it noted of their source."""
    from ganplugin.export.rights import earlier_rights

    begun = _beginning(out / "checkpoint.safetensors", source)
    return replace(begun, rights=earlier_rights(begun.config))
