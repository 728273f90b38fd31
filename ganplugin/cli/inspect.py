"""``ganplugin inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganplugin.cli import print_json
from ganplugin.cli.export import needs_torch
from ganplugin.cli.terminal import json_option

if TYPE_CHECKING:
    from rich.table import Table

    from ganplugin.export.inspection import CheckpointReport
    from ganplugin.inspection import ModelReport

__all__ = ["command"]


@click.command(short_help="Say what a model file or checkpoint is.")
@click.argument("file")
@json_option
def command(file: str, as_json: bool) -> None:
    """Say what FILE is: an ONNX model (builtin:NAME too), or a checkpoint of any origin. Nothing in it is run.

    \b
    Examples:
      ganplugin inspect builtin:icons
      ganplugin inspect icons.onnx
      ganplugin inspect network-snapshot-000123.pkl --json
    """
    report = _report(_path(file))
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _print(report)


def _path(file: str) -> Path:
    from ganplugin.library import BUILTIN_PREFIX, resolve_model

    return resolve_model(file).path if file.startswith(BUILTIN_PREFIX) else Path(file)


def _report(file: Path) -> ModelReport | CheckpointReport:
    from ganplugin.inspection import inspect_model, looks_like_onnx

    if looks_like_onnx(file):
        return inspect_model(file)
    with needs_torch():
        from ganplugin.export.inspection import inspect_checkpoint
    return inspect_checkpoint(file)


def _print(report: ModelReport | CheckpointReport) -> None:
    from rich.console import Console
    from rich.table import Table

    from ganplugin.inspection import ModelReport

    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    if isinstance(report, ModelReport):
        _add_model(table, report)
    else:
        _add_checkpoint(table, report)
    Console(soft_wrap=True, highlight=False, markup=False).print(table)


def _row(table: Table, *cells: str) -> None:
    """Add a row whose text comes from a file of unknown origin: nothing in it may steer the terminal."""
    table.add_row(
        *("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cell) for cell in cells)
    )


def _add_model(table: Table, report: ModelReport) -> None:
    _row(table, "file", report.file, f"{report.bytes:,} bytes")
    _row(table, "SHA-256", report.sha256)
    if report.problem:
        _row(table, "problem", report.problem)
    if manifest := report.manifest:
        _row(table, "kind", manifest.kind, manifest.family)
        _row(table, "name", manifest.name, manifest.channels)
        if manifest.scale > 1:
            _row(table, "scale", f"x{manifest.scale}", "enlarges")
        for title in ("classes", "styles"):
            if names := getattr(manifest, title):
                _row(table, title, ", ".join(names))
        for key, value in manifest.training.items():
            _row(table, f"training: {key}", f"{value}")
        for fact in manifest.inferred:
            _row(table, fact.name, f"{fact.value}", fact.origin)
        _row(table, "rights", manifest.licence or "unknown")
        if manifest.source:
            _row(table, "source", manifest.source.file, manifest.source.sha256)
        if proof := manifest.verification:
            _row(table, "proof", f"{proof.cases} comparisons, largest difference {proof.max_error:.1e}", proof.runtime)
    for port in report.inputs:
        default = "required" if port.default is None else f"default {port.default}"
        _row(table, f"input {port.name}", str(list(port.shape)), default)
    for port in report.outputs:
        _row(table, f"output {port.name}", str(list(port.shape)))
    _row(table, "size", f"{report.parameters:,} parameters, {report.operators} operators")
    _row(table, "ONNX", f"opset {report.opset}, IR {report.ir_version}")


def _add_checkpoint(table: Table, report: CheckpointReport) -> None:
    _row(table, "file", report.file, f"{report.bytes:,} bytes")
    _row(table, "SHA-256", report.sha256)
    _row(table, "container", report.container)
    for family in report.families:
        _row(
            table, family.kind, f"{family.title} ({family.id})", family.part + (", averaged" if family.averaged else "")
        )
        if family.problem:
            _row(table, "problem", family.problem)
        for fact in family.hyper_parameters:
            _row(table, f"  {fact.name}", f"{fact.value}", fact.origin)
        _row(table, "  rights", family.licence)
    if not report.families:
        _row(table, "family", "none that is known here")
    for part in report.parts:
        content = f"{part.tensors} tensors, {part.parameters:,} values"
        _row(table, f"tensors {part.path}".strip(), content, "averaged" if part.averaged else "")
    for key, value in list(report.config.items())[:20]:
        _row(table, f"says {key}", f"{value}"[:200])
    if report.foreign_globals:
        names = ", ".join(report.foreign_globals[:12])
        more = len(report.foreign_globals) - 12
        _row(table, "names code", names + (f" and {more} more" if more > 0 else ""), "none of it was run")
