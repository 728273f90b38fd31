"""``ganplugin data``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganplugin.cli import print_json
from ganplugin.cli.terminal import TerminalReporter, json_option
from ganplugin.errors import ImageError

if TYPE_CHECKING:
    from ganplugin.train.pictures.packing import Gathered
    from ganplugin.train.pictures.policy import Policy
    from ganplugin.train.pictures.sources import Entry

__all__ = ["command"]


@click.command(short_help="Report on pictures to train on, and pack them.")
@click.argument("places", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--size", default="64", show_default=True, help="Pixels a side, or WIDTHxHEIGHT: 96x64.")
@click.option(
    "--policy",
    "way",
    default="crop",
    show_default=True,
    type=click.Choice(["crop", "pad", "squash", "patches"]),
    help="crop: the middle. pad: all of it, with a border. squash: all of it, distorted. patches: random pieces.",
)
@click.option("--count", default=0, type=click.IntRange(0, 10_000_000), help="How many patches to cut in all.")
@click.option(
    "--pad",
    default="white",
    show_default=True,
    type=click.Choice(["white", "black", "mirror", "clear"]),
    help="The border of --policy pad; clear needs --channels 4.",
)
@click.option(
    "--channels",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "1", "3", "4"]),
    help="1 grey, 3 colour, 4 with alpha; auto: 1 if all are grey, else 3.",
)
@click.option("--background", default="white", show_default=True, help="What shows through where alpha is not kept.")
@click.option("--classes", is_flag=True, help="Label pictures by the folder that they lie in.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Decides the patches.")
@click.option("--out", type=click.Path(path_type=Path), help="Write a packed set to this folder: NAME.pack.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Write a picture of what a network would see.")
@click.option("--overwrite", is_flag=True, help="Replace what --out and --sheet name.")
@click.option("--threads", default=0, type=click.IntRange(0, 256), help="Decoding threads.  [default: all cores]")
@json_option
def command(
    places: tuple[Path, ...],
    size: str,
    way: str,
    count: int,
    pad: str,
    channels: str,
    background: str,
    classes: bool,
    seed: int,
    out: Path | None,
    sheet: Path | None,
    overwrite: bool,
    threads: int,
    as_json: bool,
) -> None:
    """Report on the pictures of PLACES (folders, zip files, patterns, packed sets), and pack them for training.

    The report says what is there, what is broken or there twice, and what to do about it. With --out the pictures are
    brought to one size and written as a packed set, from which training starts at once.

    \b
    Examples:
      ganplugin data holiday
      ganplugin data icons.zip --size 64 --channels 4 --sheet sheet.png
      ganplugin data paintings --policy patches --count 10000 --out brushwork.pack
      ganplugin data flowers --size 96x64 --classes --out flowers.pack
    """
    from ganplugin.train.pictures.cutting import check_policy
    from ganplugin.train.pictures.sources import list_entries

    policy = _policy(size, way, pad, channels, background, classes=classes, count=count, seed=seed)
    check_policy(policy)
    _check_free(out, sheet, overwrite=overwrite)
    entries = list_entries(places)
    source = (places[0].name or str(places[0])) + (f" and {len(places) - 1} more" if len(places) > 1 else "")
    gathered = _gathered(entries, policy, out, source, overwrite=overwrite, threads=threads)
    if sheet is not None and gathered.readable:
        _write_sheet(entries, gathered, policy, sheet, overwrite=overwrite)
    _show(gathered, policy, source, out, sheet, as_json=as_json)
    if not gathered.readable:
        raise ImageError("no picture can be read", where=source, fix="the reasons are above")


def _policy(
    size: str, way: str, pad: str, channels: str, background: str, *, classes: bool, count: int, seed: int
) -> Policy:
    from ganplugin.train.pictures.policy import Policy, parse_colour, parse_size

    width, height = parse_size(size)
    return Policy.model_validate(
        {
            "width": width,
            "height": height,
            "way": way,
            "pad": pad,
            "channels": 0 if channels == "auto" else int(channels),
            "background": parse_colour(background),
            "classes": classes,
            "count": count,
            "seed": seed,
        }
    )


def _check_free(out: Path | None, sheet: Path | None, *, overwrite: bool) -> None:
    from ganplugin.files import existing

    if not overwrite:
        existing(path for path in (out, sheet) if path is not None)


def _gathered(
    entries: list[Entry], policy: Policy, out: Path | None, source: str, *, overwrite: bool, threads: int
) -> Gathered:
    from ganplugin.train.pictures.packing import pack, survey

    with TerminalReporter().task("looking" if out is None else "packing", len(entries)) as progress:
        if out is None:
            return survey(entries, policy, threads=threads, progress=progress)
        return pack(entries, policy, out, source=source, overwrite=overwrite, threads=threads, progress=progress)


def _write_sheet(entries: list[Entry], gathered: Gathered, policy: Policy, path: Path, *, overwrite: bool) -> None:
    from ganplugin.images import write_picture
    from ganplugin.train.pictures.sheet import sheet_of

    # Of pictures smaller than a patch there are none to show.
    pieces = policy.way == "patches"
    shown = [
        entries[index]
        for index, fact in zip(gathered.readable, gathered.facts, strict=True)
        if not pieces or (fact.width >= policy.width and fact.height >= policy.height)
    ]
    page = sheet_of(shown or [entries[index] for index in gathered.readable], policy)
    write_picture(page, path, text={}, overwrite=overwrite)


def _show(
    gathered: Gathered, policy: Policy, source: str, out: Path | None, sheet: Path | None, *, as_json: bool
) -> None:
    from ganplugin.train.pictures.advice import advise
    from ganplugin.train.pictures.report import report_on

    report = advise(report_on(gathered, policy, source))
    if as_json:
        written = {"out": None if out is None else str(out), "sheet": None if sheet is None else str(sheet)}
        print_json({**report.model_dump(mode="json"), **written})
        return
    from ganplugin.cli.data_report import print_report

    print_report(report)
    for path in (out, sheet):
        if path is not None:
            click.echo(str(path))
    if out is not None:
        click.echo(f"next: ganplugin train generator {out}", err=True)
