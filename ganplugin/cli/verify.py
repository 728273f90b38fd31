"""``ganplugin verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganplugin.cli import print_json
from ganplugin.cli.terminal import json_option, terminal_context
from ganplugin.errors import SeriesError

if TYPE_CHECKING:
    from ganplugin.series.verifying import Verdict


@click.command(short_help="Check every file of a series against its digest.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--mend", is_flag=True, help="Mark damaged pieces, so that render --retry-failed makes them again.")
@json_option
def command(folder: Path, mend: bool, as_json: bool) -> None:
    """Read every file of the series in FOLDER and compare it with the digest that was noted when it was written.

    \b
    Examples:
      ganplugin verify tides
      ganplugin verify tides --mend
    """
    from ganplugin.series import verifying
    from ganplugin.series.folder import SeriesFolder

    place = SeriesFolder(folder)
    verdict = verifying.verify_series(place, terminal_context("cpu", 1, 0))
    if mend and not verdict.is_sound:
        with place.lock():
            verifying.mend(place, verdict)
    _report(verdict, as_json=as_json)
    if not verdict.is_sound:
        fix = f"ganplugin render {folder} --retry-failed" if mend else "add --mend"
        raise SeriesError(f"{len(verdict.pieces)} pieces are damaged", where=folder, fix=f"make them again: {fix}")


def _report(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "right": verdict.right,
                "missing": verdict.missing,
                "changed": verdict.changed,
                "unknown": verdict.unknown,
                "pieces": sorted(verdict.pieces),
            }
        )
        return
    for word in ("missing", "changed", "unknown"):
        for path in getattr(verdict, word):
            click.echo(f"{word}: {path}")
    click.echo(f"{verdict.right} files are as they were written")
