"""``ganplugin doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ganplugin.cli import print_json

if TYPE_CHECKING:
    from ganplugin.doctor import Report

_MARKS = {"ok": "[green]✓[/]", "info": "[dim]·[/]", "warning": "[yellow]![/]", "failure": "[red]✗[/]"}
_PLAIN_MARKS = {"ok": "[green]+[/]", "info": "[dim]-[/]", "warning": "[yellow]![/]", "failure": "[red]x[/]"}


@click.command(short_help="Check this installation and say how to mend it.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(as_json: bool) -> int:
    """Check this installation: versions, devices that really work, disk, plugins, models, and the fix of each problem.

    Leaves with exit code 1 only if no picture can be rendered.

    \b
    Examples:
      ganplugin doctor
      ganplugin doctor --json
    """
    from ganplugin.doctor import examine

    report = examine()
    if as_json:
        print_json(report.to_dict())
    else:
        _show(report)
    return 0 if report.can_render else 1


def _show(report: Report) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console, section = Console(highlight=False), ""
    # A Windows console of the old kind, or a file in its code page, cannot take a tick.
    marks = _MARKS if console.encoding.lower().startswith("utf") else _PLAIN_MARKS
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in report.checks:
        if check.section != section:
            table.add_row("", f"[bold]{check.section}[/]", "")
            section = check.section
        hint = f"; [dim]{escape(check.fix)}[/]" if check.status == "info" and check.fix else ""
        table.add_row(marks[check.status], escape(check.name), escape(check.found) + hint)
    console.print(table)
    console.print()
    for problem in report.problems:
        console.print(f"{marks[problem.status]} [bold]{escape(problem.name)}[/]: {escape(problem.found)}")
        console.print(f"  [cyan]{escape(problem.fix)}[/]", soft_wrap=True)
    console.print(_verdict(report))


def _verdict(report: Report) -> str:
    if not report.can_render:
        return "[red]Nothing can be rendered until this is mended.[/]"
    count = len(report.problems)
    return "[green]Everything that rendering needs works.[/]" + (f" [yellow]Problems: {count}.[/]" if count else "")
