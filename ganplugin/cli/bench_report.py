"""How ``ganplugin bench`` shows what it found: plain enough to be pasted into an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

    from ganplugin.bench.results import Comparison, PipelineRun, Report

__all__ = ["show"]

_BAR = 18


def show(report: Report) -> None:
    """Print a report to standard output."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    block = "█" if console.encoding.lower().startswith("utf") else "#"
    console.print(_facts(report))
    console.print()
    console.print(_speeds(report, block))
    if report.pipeline is not None:
        console.print()
        _show_pipeline(console, report.pipeline, block)
    for comparison in report.comparisons:
        console.print(escape(_versus(comparison)))
    console.print(escape(", ".join(_memory(report))))
    console.print()
    for sentence in report.verdict:
        console.print(f"[bold]{escape(sentence)}[/]")


def _facts(report: Report) -> Table:
    from rich.markup import escape

    table = _plain_table()
    machine = report.machine
    provider = report.provider.replace("ExecutionProvider", "")
    rows = {
        "model": f"{report.model}: {report.kind}, {report.family}, {report.picture}",
        "SHA-256": report.digest,
        "runs on": f"{provider} (--device {report.device}), {report.threads} CPU threads",
        "machine": f"{machine.processor}, {machine.usable} of {machine.cores} cores, {machine.system}",
        "GPU": "; ".join(machine.cards) or "no NVIDIA GPU",
        "versions": ", ".join(f"{name} {version}" for name, version in report.versions.items()),
    }
    for name, text in rows.items():
        table.add_row(f"[bold]{name}[/]", escape(text))
    return table


def _plain_table() -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _speeds(report: Report, block: str) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    unit = "scores" if report.kind == "scorer" else "pictures"
    for heading in ("batch", f"{unit}/s", "ms a batch", "network", "conversion", "rounds"):
        table.add_column(heading, justify="right")
    table.add_column("")
    most = max(speed.pictures_per_second for speed in report.speeds)
    for speed in report.speeds:
        bar = block * max(1, round(_BAR * speed.pictures_per_second / most))
        table.add_row(
            str(speed.batch),
            f"{speed.pictures_per_second:,.2f}"
            if speed.pictures_per_second < 100
            else f"{speed.pictures_per_second:,.0f}",
            f"{speed.milliseconds:,.1f}",
            f"{speed.network:.0%}",
            f"{speed.conversion:.0%}" if report.kind != "scorer" else "-",
            str(speed.rounds),
            f"[green]{bar}[/]" if speed is report.best else bar,
        )
    return table


def _show_pipeline(console: Console, run: PipelineRun, block: str) -> None:
    size = run.bytes_per_picture
    console.print(
        f"[bold]to files[/]  {run.pictures_per_second:,.1f} pictures/s in batches of {run.batch}: "
        f"{run.pictures} PNG files of {size / 1000:,.0f} kB, {size * run.pictures_per_second / 1e6:,.1f} MB/s"
    )
    table = _plain_table()
    table.add_column()
    other = max(0.0, 1 - run.network - run.conversion - run.waiting)
    shares = {"network": run.network, "conversion": run.conversion, "waiting for encoders": run.waiting, "other": other}
    for name, share in shares.items():
        table.add_row(f"  network thread: {name}", f"{share:4.0%}", block * round(_BAR * share))
    encoders = "1 encoder thread" if run.encoders == 1 else f"{run.encoders} encoder threads"
    table.add_row(f"  {encoders}: encoding and writing", f"{run.encoding:4.0%}", block * round(_BAR * run.encoding))
    console.print(table)


def _versus(found: Comparison) -> str:
    return (
        f"against {found.program}, network alone, batch {found.batch}: {found.ratio:.2f} times as fast "
        f"({found.rounds} rounds in turn, largest difference {found.difference:.1e})"
    )


def _memory(report: Report) -> Iterator[str]:
    peak = "unknown" if report.peak_memory is None else f"{report.peak_memory:,} MiB"
    yield f"peak main memory {peak}"
    if report.gpu_memory is not None:
        yield f"GPU memory taken {report.gpu_memory:,} MiB"
