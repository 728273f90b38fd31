"""``ganplugin bench``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganplugin.cli import print_json
from ganplugin.cli.export import needs_torch
from ganplugin.cli.terminal import json_option, terminal_context

if TYPE_CHECKING:
    from ganplugin.bench.versus import Rival
    from ganplugin.runtime import Model


@click.command(short_help="Measure how fast a model renders here, and what bounds it.")
@click.argument("model")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, cuda+graphs, tensorrt …")
@click.option(
    "--threads", default=2, show_default=True, type=click.IntRange(1, 256), help="CPU threads of the network."
)
@click.option("--batch", default="1,2,4,8", show_default=True, metavar="SIZES", help="Batch sizes to compare.")
@click.option(
    "--seconds", default=20.0, show_default=True, type=click.FloatRange(0.1, 3600), help="Time to measure for."
)
@click.option("--encoders", default=0, type=click.IntRange(0, 256), help="Encoder threads; 0 takes the free cores.")
@click.option("--size", default="512x512", show_default=True, metavar="WxH", help="Pictures for a style network.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Compare with PyTorch running this; needs PyTorch.")
@json_option
def command(
    model: str,
    device: str,
    threads: int,
    batch: str,
    seconds: float,
    encoders: int,
    size: str,
    checkpoint: Path | None,
    as_json: bool,
) -> None:
    """Measure MODEL (builtin:NAME or an .onnx file) on this machine: what to paste where speed is talked about.

    Pictures a second by batch size; a render to files with the shares of network, conversion, encoding and waiting;
    memory; and a verdict. Nothing is kept. Close other programs first: they slow down what is measured.

    \b
    Examples:
      ganplugin bench builtin:icons
      ganplugin bench face.onnx --device cuda --batch 1,4,16,64
      ganplugin bench great-wave.onnx --size 1920x1080 --seconds 60
      ganplugin bench face.onnx --checkpoint network-snapshot-000123.pkl --json
    """
    from ganplugin.bench import Plan, measure
    from ganplugin.library import resolve_model
    from ganplugin.runtime import RuntimeOptions

    context, found = terminal_context(device, threads, 0), resolve_model(model)
    options = RuntimeOptions(device, threads, cancelled=context.cancelled)
    plan = Plan(found.path, found.name, options, _batches(batch), seconds, encoders, _size(size))
    with _stages() as tell:
        report = measure(plan, None if checkpoint is None else _rival(checkpoint, threads), context.check, tell)
    if as_json:
        print_json(report.to_dict())
    else:
        from ganplugin.cli.bench_report import show

        show(report)


def _rival(checkpoint: Path, threads: int) -> Callable[[Model], Rival]:
    def rival(model: Model) -> Rival:
        with needs_torch("comparing with a checkpoint"):
            from ganplugin.export.eager import EagerNetwork
        scorer, device = model.manifest.kind == "scorer", "cuda" if model.device.kind in ("cuda", "tensorrt") else "cpu"
        return EagerNetwork(checkpoint, scorer=scorer, device=device, threads=threads)

    return rival


def _batches(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\s*[1-9]\d{0,3}\s*(,\s*[1-9]\d{0,3}\s*)*", text, re.ASCII):
        raise click.BadParameter(f"{text!r} is not of the form 1,2,4", param_hint="--batch")
    return tuple(sorted({int(size) for size in text.split(",")}))


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", text.strip().lower(), re.ASCII)
    if match is None or "0" in (match[1], match[2]):
        raise click.BadParameter(f"{text!r} is not of the form 512x384", param_hint="--size")
    return int(match[2] or match[1]), int(match[1])


@contextlib.contextmanager
def _stages() -> Iterator[Callable[[str], None]]:
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("starting") as status:
        yield lambda stage: status.update(f"measuring: {stage}")
