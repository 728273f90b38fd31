"""``ganplugin evaluate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganplugin.cli import print_json
from ganplugin.cli.export import needs_torch
from ganplugin.cli.terminal import TerminalReporter, device_options, json_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from ganplugin.cli.evaluated import Opened, Pixels, Sides
    from ganplugin.train.metrics.backbones.backbone import Backbone
    from ganplugin.train.metrics.findings import Findings

__all__ = ["command"]

_PLACE = click.Path(path_type=Path)
_BACKBONES = ("efficientnet-lite0", "efficientnet-lite0-224", "inception", "random")
_METRICS = "kid,fid,is,pr,diversity,duplicates,spectrum,copies,percentile"


@click.command(short_help="Measure a generator's pictures against real ones.")
@click.argument("model")
@click.argument("data", nargs=-1, required=True, type=_PLACE)
@click.option(
    "--samples", default=2000, show_default=True, type=click.IntRange(16, 1_000_000), help="Pictures to make."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31), help="Seed of the first sample.")
@click.option("--metrics", default=_METRICS, show_default=True, help="Which numbers, as a list with commas.")
@click.option(
    "--backbone",
    default=_BACKBONES[0],
    show_default=True,
    type=click.Choice(_BACKBONES),
    help="The network that looks at pictures; numbers of two do not compare.",
)
@click.option(
    "--inception",
    type=_PLACE,
    help="Weight file of --backbone inception.  [default: found, or fetched by torch-fidelity]",
)
@click.option("--truncation", type=float, help="Truncation of models with a W space.  [default: 1]")
@click.option(
    "--policy",
    "way",
    default="crop",
    show_default=True,
    type=click.Choice(["crop", "pad", "squash"]),
    help="How DATA comes to the model's size: as it did for training.",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The part of DATA that training held out.  [default: what the model says of itself]",
)
@click.option("--training", multiple=True, type=_PLACE, help="The training pictures, if DATA has none; repeatable.")
@click.option("--scorer", help="A discriminator, for percentile.  [default: the model's own, where there is one]")
@click.option("--report", type=_PLACE, help="Write a page (.html) or a picture (.png) with grids and numbers.")
@click.option("--overwrite", is_flag=True, help="Replace a report that exists.")
@device_options
@json_option
def command(
    model: str,
    data: tuple[Path, ...],
    samples: int,
    seed: int,
    metrics: str,
    backbone: str,
    inception: Path | None,
    truncation: float | None,
    way: str,
    held_out: float | None,
    training: tuple[Path, ...],
    scorer: str | None,
    report: Path | None,
    overwrite: bool,
    device: str,
    threads: int,
    batch: int,
    as_json: bool,
) -> None:
    """Measure the pictures of MODEL (an .onnx file, builtin:NAME or a checkpoint) against those of DATA.

    DATA is what ganplugin data takes: folders, zip files, patterns, packed sets. Honest numbers need pictures that the
    model was not trained on: a model that says what it held out is measured against just that part.

    \b
    Examples:
      ganplugin evaluate builtin:icons emoji
      ganplugin evaluate runs/icons/checkpoint.safetensors icons.pack --report icons.html
      ganplugin evaluate face.onnx unseen --training faces --metrics kid,pr,copies
      ganplugin evaluate face.onnx faces --backbone inception --samples 50000 --json
    """
    from ganplugin.files import existing

    _check_report(report)
    if report is not None and not overwrite:
        existing((report,))
    with needs_torch("evaluate"):
        import torchmetrics  # noqa: F401 - so that nothing is rendered before it is found missing

        from ganplugin.cli.evaluated import opened, sides_of
        from ganplugin.train.metrics.backbones.choice import load_backbone
        from ganplugin.train.metrics.catalogue import chosen_metrics
        from ganplugin.train.precision import choose_device

    names = [name.strip() for name in metrics.split(",") if name.strip()]
    chosen_metrics(names)
    with opened(model, scorer, device, threads, batch) as ready:
        sides = sides_of(ready.manifest, data, training, held_out, way)
        eye = load_backbone(backbone, device=choose_device(_torch_device(device)), inception=inception)
        findings = _examined(ready, ready.renderer(seed, truncation), sides, eye, names, samples, seed)
    title = f"How good is {ready.model.name}?"
    if report is not None:
        _write(report, findings, title, overwrite=overwrite)
    if as_json:
        from ganplugin.cli.evaluate_report import document

        print_json(document(ready.model, findings, eye, sides.reference))
    else:
        from ganplugin.cli.evaluate_report import show

        show(findings, title)


def _examined(
    ready: Opened,
    rows: Callable[[int, int], Pixels],
    sides: Sides,
    eye: Backbone,
    names: list[str],
    samples: int,
    seed: int,
) -> Findings:
    from ganplugin.train.metrics.evaluation import Evaluation, render_rows, score_rows
    from ganplugin.train.metrics.findings import examine
    from ganplugin.train.metrics.reference import statistics_folder

    judge = ready.judge()
    evaluation = Evaluation(
        sides.reference,
        eye,
        names,
        samples,
        seed,
        training=sides.training,
        scorer=None if judge is None else score_rows(judge),
        cache=statistics_folder(),
    )
    with TerminalReporter().task("looking", evaluation.looks) as progress:
        notes = () if sides.note is None else (sides.note,)
        return examine(replace(evaluation, looked=_added(progress)), render_rows(rows), notes)


def _added(progress: Callable[[int], None]) -> Callable[[int], None]:
    """Return what adds pictures up for a progress bar, which wants to know how many there are."""
    done = 0

    def add(pictures: int) -> None:
        nonlocal done
        done += pictures
        progress(done)

    return add


def _write(path: Path, findings: Findings, title: str, *, overwrite: bool) -> None:
    from ganplugin.files import atomic_write
    from ganplugin.images import write_picture
    from ganplugin.train.metrics.page import page, picture

    if path.suffix.lower() == ".png":
        write_picture(picture(findings, title), path, text={}, overwrite=overwrite)
        return
    with atomic_write(path, overwrite=overwrite) as part:
        part.write_text(page(findings, title), encoding="utf-8")


def _torch_device(device: str) -> str:
    """Return PyTorch's name of a device; those that only onnxruntime has are left to it."""
    return device if device.startswith(("auto", "cuda", "cpu", "mps")) else "auto"


def _check_report(report: Path | None) -> None:
    if report is not None and report.suffix.lower() not in (".html", ".png"):
        raise click.BadParameter("name a .html or a .png file", param_hint="--report")
