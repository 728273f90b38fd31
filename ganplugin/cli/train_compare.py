"""``ganplugin train compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganplugin.cli import print_json
from ganplugin.cli.terminal import json_option

if TYPE_CHECKING:
    from ganplugin.train.page.comparing import Compared, Comparison

__all__ = ["compare"]

_PLACE = click.Path(path_type=Path)
_HEADS = ("run", "recipe", "kimg", "minutes", "pictures/s", "KID", "at minute", "verdicts")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=_PLACE)
@click.option("--out", type=_PLACE, help="Write a page (.html) with the curves of all runs and their last sheets.")
@click.option("--overwrite", is_flag=True, help="Replace a page that exists.")
@json_option
def compare(runs: tuple[Path, ...], out: Path | None, overwrite: bool, as_json: bool) -> None:
    """Show how RUNS (folders that trainings wrote) did, beside one another; they may still be running.

    KID ranks only runs on the same pictures that the same backbone has measured. Needs no PyTorch.

    \b
    Examples:
      ganplugin train compare runs/quick runs/r3
      ganplugin train compare runs/* --out compare.html
      ganplugin train compare runs/* --json
    """
    from ganplugin.files import existing
    from ganplugin.train.page.comparing import compare as compared
    from ganplugin.train.page.comparison_page import write_comparison_page

    if out is not None and out.suffix.lower() != ".html":
        raise click.BadParameter("name a .html file", param_hint="--out")
    if out is not None and not overwrite:
        existing((out,))
    found = compared(runs)
    if out is not None:
        write_comparison_page(found, out, overwrite=overwrite)
    if as_json:
        print_json({"runs": [run.facts() for run in found.runs], "warnings": list(found.warnings)})
        return
    _show(found)
    if out is not None:
        click.echo(f"page: {out}", err=True)


def _show(found: Comparison) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in _HEADS:
        is_number = head in _HEADS[2:7]
        table.add_column(head, justify="right" if is_number else "left", no_wrap=head in _HEADS[1:7], overflow="fold")
    for run in found.runs:
        table.add_row(*map(escape, _cells(run)), style="bold" if run.is_best else "")
    console.print(table)
    eyes = list(dict.fromkeys(run.measured_by for run in found.runs if run.measured_by))
    if len(eyes) == 1:
        console.print(f"[dim]KID: the best, seen by {escape(eyes[0])}; lower is better[/]")
    for words in found.warnings:
        console.print(f"[yellow]warning:[/] {escape(words)}")


def _cells(run: Compared) -> list[str]:
    story, best = run.story, run.best
    return [
        run.name,
        story.fact("recipe", "–"),
        f"{story.kimg:,.1f}",
        f"{story.seconds / 60:,.1f}",
        "–" if story.rate is None else f"{story.rate:,.1f}",
        "–" if best is None else f"{best.value:.3f}",
        "–" if best is None else f"{best.seconds / 60:,.1f}",
        run.verdict or "–",
    ]
