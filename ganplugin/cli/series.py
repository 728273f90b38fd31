"""``ganplugin series``."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group(short_help="Begin a series: a file that says what varies from piece to piece.")
def command() -> None:
    """Begin a series: a file that says what varies from piece to piece.

    \b
    Examples:
      ganplugin series new tides.yaml
      ganplugin series schema > series.schema.json
    """


@command.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("series.yaml"))
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def new(file: Path, overwrite: bool) -> None:
    """Write a series that renders as it is, with every word explained.

    \b
    Examples:
      ganplugin series new
      ganplugin series new tides.yaml
    """
    from ganplugin.files import atomic_write
    from ganplugin.series.starter import starter

    with atomic_write(file, overwrite=overwrite) as part:
        part.write_text(starter(str(file), file.stem, file.stem.replace("-", " ").capitalize()), encoding="utf-8")
    click.echo(f"{file}: look into it, then run: ganplugin render {file}")


@command.command()
def schema() -> None:
    """Print the JSON schema of series files, for editors that complete and check them.

    \b
    Examples:
      ganplugin series schema > series.schema.json
    """
    from ganplugin.series.starter import series_schema

    click.echo(json.dumps(series_schema(), indent=2))
