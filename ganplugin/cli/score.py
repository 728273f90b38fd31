"""``ganplugin score``."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click

from ganplugin.cli.node_options import Values, node_options
from ganplugin.cli.report import report_ranking
from ganplugin.cli.terminal import device_options, json_option, terminal_context
from ganplugin.errors import InputError
from ganplugin.nodes import ContactSheet, LoadImages, LoadModel, SaveImages, Score
from ganplugin.nodes.save_images import PictureFormat


@click.command(short_help="Rank pictures by a discriminator, best first.")
@click.argument("model")
@click.argument("pictures", nargs=-1, required=True)
@node_options(Score)
@click.option("--sheet", help="Write a contact sheet of the ranking: best.png, or a folder for ranking.png.")
@node_options(ContactSheet, without={"captions"})
@click.option("--against", help="Training pictures: show each picture's place among them, in percent.")
@click.option("--overwrite", is_flag=True, help="Replace a sheet that exists.")
@device_options
@json_option
def command(
    model: str,
    pictures: tuple[str, ...],
    sheet: str | None,
    against: str | None,
    overwrite: bool,
    device: str,
    threads: int,
    batch: int,
    as_json: bool,
    **given: object,
) -> None:
    """Rank PICTURES (files, folders or patterns) by the scorer MODEL, best first.

    \b
    Examples:
      ganplugin score builtin:icons-scorer samples/
      ganplugin score builtin:icons-scorer samples/ --keep 16 --sheet best.png
      ganplugin score builtin:icons-scorer samples/ --against training-pictures
      ganplugin score builtin:icons-scorer samples/ --json
    """
    from ganplugin.files import existing

    page = None if sheet is None else sheet_path(sheet)
    if page is not None and not overwrite:
        existing((page,))
    context, values = terminal_context(device, threads, batch), Values(given)
    loaded = LoadModel(model=model).run(context).model
    images = LoadImages(path="\n".join(pictures)).run(context).images
    ranked = values.node(Score, model=loaded, images=images).run(context)
    if page is not None:
        drawn = values.node(ContactSheet, images=ranked.images, captions=True).run(context).images
        where = {"folder": str(page.parent), "name": page.stem, "format": page.suffix[1:]}
        SaveImages.model_validate({"images": drawn, **where, "overwrite": overwrite}).run(context)
    percentiles = None
    if against is not None:
        training = LoadImages(path=against).run(context).images
        judged = Score(model=loaded, images=training, label=str(given["label"])).run(context).scores
        percentiles = percentiles_among(ranked.scores, judged)
    report_ranking(ranked, percentiles, as_json=as_json)


def sheet_path(given: str) -> Path:
    """Return the file of a sheet: as it is named, or ``ranking.png`` in the folder that is named.

    Raises `InputError` where it names another kind of file.
    """
    path = Path(given)
    if path.is_dir() or not path.suffix:
        return path / "ranking.png"
    path = path.with_suffix(path.suffix.lower())
    if path.suffix[1:] not in get_args(PictureFormat):
        raise InputError(f"cannot be written as {path.suffix}", where=path, fix="name a folder, a .png, .jpg or .webp")
    return path


def percentiles_among(scores: Sequence[float], training: Sequence[float]) -> tuple[float, ...]:
    """Return for each score the part, in percent, of the training pictures' that are lower; 50 is their middle."""
    ordered = sorted(training)
    return tuple(100 * bisect_left(ordered, score) / len(ordered) for score in scores)
