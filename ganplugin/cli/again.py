"""``ganplugin again``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ganplugin.cli import print_json
from ganplugin.cli.terminal import device_options, json_option, terminal_context


@click.command(short_help="Render a picture once more from what it says of itself.")
@click.argument("picture", type=click.Path(path_type=Path))
@click.option(
    "--inputs",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder that may hold its models and pictures.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The new file.  [default: NAME-again, beside it]")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@device_options
@json_option
def command(
    picture: Path,
    folders: tuple[Path, ...],
    out: Path | None,
    overwrite: bool,
    device: str,
    threads: int,
    batch: int,
    as_json: bool,
) -> None:
    """Render PICTURE (or a film) again from the recipe inside it and compare the two files.

    With the same versions on the same machine the bytes are the same; if an ingredient is missing, it is named.

    \b
    Examples:
      ganplugin again samples/seed-0007.png
      ganplugin again tides/pieces/00073.png --out once-more.png
      ganplugin again styled/photo-great-wave.png --inputs ~/photos --out /tmp/once-more.png
    """
    from ganplugin.files import file_digest
    from ganplugin.nodes.again import Ingredients, differences, render_again
    from ganplugin.provenance import HOST_KEYS, SERIES_KEY, parse_provenance
    from ganplugin.video import read_video_text

    text = read_video_text(picture)
    record = parse_provenance(text, where=picture)
    target = out or picture.with_name(f"{picture.stem}-again{picture.suffix}")
    places = Ingredients((picture.parent, *folders, *_series_homes(picture)))
    beside: dict[str, str] = {key: text[key] for key in (*HOST_KEYS, SERIES_KEY) if key in text}
    context = replace(terminal_context(device, threads, batch), text=beside)
    render_again(record, target, places, context, overwrite=overwrite)
    identical = file_digest(target) == file_digest(picture)
    changed = differences(record, parse_provenance(read_video_text(target), where=target))
    if as_json:
        print_json({"file": str(target), "identical": identical, "changed": list(changed)})
        return
    reason = f" ({', '.join(changed)})" if changed else ""
    click.echo(f"{target}: {'identical, byte for byte' if identical else 'not the same bytes' + reason}")


def _series_homes(picture: Path) -> tuple[Path, ...]:
    """Return the folder in which a piece of a series has its photos and models, if the picture is one."""
    from ganplugin.series.folder import SeriesFolder

    folder = next((SeriesFolder(parent) for parent in picture.parents if SeriesFolder(parent).exists()), None)
    return () if folder is None else (folder.series()[1],)
