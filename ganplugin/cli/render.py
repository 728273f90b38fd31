"""``ganplugin render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganplugin.cli import print_json
from ganplugin.cli.terminal import json_option, terminal_context
from ganplugin.errors import Cancelled, SeriesError

if TYPE_CHECKING:
    from ganplugin.nodes.context import Context
    from ganplugin.series.engine import Engine
    from ganplugin.series.opening import Opened
    from ganplugin.series.rendering import Request, Summary
    from ganplugin.series.workshop import Setup


@click.command(short_help="Render a series, or go on with one; nothing is lost or made twice.")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The series' folder.  [default: the file's name]")
@click.option("--pieces", metavar="0-9,42", help="Only these pieces, by index from 0.")
@click.option("--dry-run", is_flag=True, help="Say what it would take, from a few pieces made and thrown away.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="What renders.")
@click.option(
    "--workers", type=click.IntRange(1, 4096), help="Processes that render.  [default: 1; with ray, all that fit]"
)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda …; workers take turns at cuda:0,cuda:1."
)
@click.option("--threads", type=click.IntRange(1, 256), help="CPU threads of a worker; recorded.  [default: 2]")
@click.option(
    "--batch", default=0, type=click.IntRange(0, 4096), help="Pieces computed together; 0 tries what is best."
)
@click.option(
    "--address", default="", help="Ray: auto, HOST:6379, ray://HOST:10001 or local.  [default: what is there]"
)
@click.option("--gpu-fraction", type=click.FloatRange(0, 64), help="Ray: what a worker takes of a GPU, such as 0.5.")
@click.option(
    "--shared", is_flag=True, help="Ray: workers see the same folders, under the same names; nothing is sent."
)
@click.option("--store", default="", metavar="URL", help="Write the pieces there, such as s3://BUCKET/NAME; recorded.")
@click.option("--retry-failed", is_flag=True, help="Try pieces again that could not be made.")
@click.option("--fork", is_flag=True, help="If the folder holds another series, begin a new folder beside it.")
@json_option
def command(
    target: Path,
    out: Path | None,
    pieces: str | None,
    dry_run: bool,
    engine: str,
    workers: int | None,
    device: str,
    threads: int | None,
    batch: int,
    address: str,
    gpu_fraction: float | None,
    shared: bool,
    store: str,
    retry_failed: bool,
    fork: bool,
    as_json: bool,
) -> None:
    """Render TARGET: a series file, or the folder of a series that was begun.

    What is there is kept: the same command goes on where a run was stopped or killed. Beside the pieces it writes a
    gallery (index.html), contact sheets, metadata and a table of traits.

    \b
    Examples:
      ganplugin render tides.yaml
      ganplugin render tides.yaml --out night --pieces 0-9
      ganplugin render tides.yaml --dry-run
      ganplugin render night --workers 2
      ganplugin render tides.yaml --engine ray --store s3://prints/tides
    """
    from ganplugin.series.opening import open_series, selected_pieces
    from ganplugin.series.ray_engine import RayEngine
    from ganplugin.series.rendering import Request

    devices = tuple(device.split(","))
    opened = open_series(target, out)
    setup = opened.setup(device=devices[0], threads=opened.threads(threads), batch=batch, store=store)
    context = terminal_context(setup.device, setup.threads, batch)
    request = Request(selected_pieces(pieces, opened.plan), retry_failed)
    if dry_run:
        _foretell(opened, setup, request, workers or 1, context, as_json=as_json)
        return
    renderer = _local_engine(workers or 1, devices)
    if engine == "ray":
        renderer = on_ray = RayEngine(address, workers or 0, gpu_fraction, shared)
        setup = on_ray.fitted(setup)
    _render(opened, setup, renderer, request, context, fork=fork, as_json=as_json)


def _local_engine(workers: int, devices: tuple[str, ...]) -> Engine:
    from ganplugin.series.engine import InProcess
    from ganplugin.series.processes import Processes

    return InProcess() if workers == 1 else Processes(workers, devices)


def _render(
    opened: Opened, setup: Setup, engine: Engine, request: Request, context: Context, *, fork: bool, as_json: bool
) -> None:
    from ganplugin.series.finishing import publish, write_pages
    from ganplugin.series.rendering import render_series

    placed = opened.placed(setup, fork=fork)
    folder = placed.folder
    with folder.lock():
        placed.begin()
        try:
            summary = render_series(placed.plan, folder, placed.setup, engine, request, context)
        except Cancelled as stopped:
            raise Cancelled(where=folder.path, fix=f"go on with: ganplugin render {folder.path}") from stopped
        pages = write_pages(placed.plan, folder, summary.kept, context)
        publish(pages, folder, placed.setup.storage)
    _report(folder.path, summary, pages, as_json=as_json)


def _report(folder: Path, summary: Summary, pages: tuple[Path, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "made": summary.made,
                "there": summary.there,
                "judged": summary.judged,
                "wanted": summary.wanted,
                "failed": {str(piece): error for piece, error in summary.failed.items()},
                "seconds": round(summary.seconds, 3),
                "pages": [str(page) for page in pages],
            }
        )
    else:
        click.echo(f"{folder}: {_counted(summary)}")
        for page in pages[:1]:
            click.echo(f"look at {page}")
    if summary.failed:
        piece, error = next(iter(summary.failed.items()))
        raise SeriesError(
            f"{len(summary.failed)} pieces could not be made, such as {piece}: {error}",
            where=folder,
            fix="mend that, then add --retry-failed",
        )


def _counted(summary: Summary) -> str:
    parts = [f"{summary.made} pieces made"]
    if summary.judged:
        parts.insert(0, f"{summary.judged} candidates judged")
    if summary.there:
        parts.append(f"{summary.there} were there")
    return f"{', '.join(parts)} in {_duration(summary.seconds)}"


def _foretell(opened: Opened, setup: Setup, request: Request, workers: int, context: Context, *, as_json: bool) -> None:
    from ganplugin.series.forecast import forecast

    found = forecast(opened, setup, request, workers, context)
    if as_json:
        print_json(found.as_json())
        return
    click.echo("\n".join(found.lines()))


def _duration(seconds: float) -> str:
    from ganplugin.series.forecast import duration

    return duration(seconds)
