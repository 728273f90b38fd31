"""A report on pictures, as a terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from ganplugin.train.pictures.report import Report

__all__ = ["print_report"]

_LISTED = 10
_BAR = 24


def print_report(report: Report) -> None:
    """Print counts, then advice, then what is broken."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    _add_counts(table, report)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(table)
    for advice in report.advice:
        console.print(f"\n* {advice.what}\n  {advice.fix}")
    for file in report.broken[:_LISTED]:
        console.print(_plain(f"\nbroken: {file.name}: {file.reason}"))
    if len(report.broken) > _LISTED:
        console.print(f"\n... and {len(report.broken) - _LISTED} more: --json lists them")


def _add_counts(table: Table, report: Report) -> None:
    table.add_row("pictures", f"{report.pictures:,} in {_plain(report.source)}, {_size(report.file_bytes)}")
    for name in ("smallest", "median", "largest"):
        if size := getattr(report, name):
            table.add_row(name, f"{size[0]:,} x {size[1]:,}")
    _add_bars(table, "shorter side", report.shorter_side)
    table.add_row("shapes", _counts(report.shapes))
    table.add_row("colours", _counts(report.modes) + f"; {report.grey:,} without colour")
    table.add_row("formats", _counts(report.formats))
    table.add_row("transparent", f"{report.transparent:,}; {report.mostly_clear:,} nearly empty")
    table.add_row("copies", f"{report.duplicate_count():,} with the same bytes as another")
    near = sum(len(group) - 1 for group in report.near_duplicates)
    table.add_row(
        "look-alikes", f"{near:,} nearly the same as another; groups of them: {len(report.near_duplicates):,}"
    )
    if report.classes:
        table.add_row("folders", _plain(_counts(report.classes)))
    table.add_row("broken", f"{len(report.broken):,}")
    width, height = report.policy.width, report.policy.height
    table.add_row(
        "packed", f"{report.packed_pictures:,} of {width} x {height} x {report.channels}, {_size(report.packed_bytes)}"
    )


def _add_bars(table: Table, title: str, counts: Mapping[str, int]) -> None:
    most = max(counts.values(), default=1)
    for name, count in counts.items():
        table.add_row(title, f"{name:>8} {'#' * max(1, round(_BAR * count / most)):<{_BAR}} {count:,}")
        title = ""


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{count:,} {name}" for name, count in list(counts.items())[:_LISTED]]
    return ", ".join(shown) + (f" and {len(counts) - _LISTED} more" if len(counts) > _LISTED else "")


def _size(count: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024  # type: ignore[assignment]
    return f"{count:.1f} GiB"


def _plain(text: str) -> str:
    """Return names from files of unknown origin so that nothing in them steers the terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)
