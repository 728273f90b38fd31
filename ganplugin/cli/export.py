"""``ganplugin export``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ganplugin.cli import print_json
from ganplugin.cli.terminal import json_option
from ganplugin.errors import DependencyError, InputError

if TYPE_CHECKING:
    from ganplugin.export import Exported
    from ganplugin.manifest import Kind

__all__ = ["command", "needs_torch"]


@click.command(short_help="Turn a checkpoint into one verified ONNX file.")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("beside", type=click.Path(path_type=Path), nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: beside CHECKPOINT, as .onnx]")
@click.option("--name", help="Name of the model.  [default: the checkpoint's]")
@click.option("--part", type=click.Choice(["generator", "scorer"]), help="Which network of a file that holds both.")
@click.option("--licence", help="What you know of the rights in the weights; recorded in the model.")
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="What the tensors do not tell, such as bn_eps=1e-5.  [default: the family's common code]",
)
@click.option("--adopt", is_flag=True, help="Demand that CHECKPOINT is an ONNX file of other makers, and adopt it.")
@click.option(
    "--kind",
    type=click.Choice(["generator", "style", "scorer"]),
    help="What an ONNX file is.  [default: by its shapes]",
)
@click.option(
    "--range",
    "ranges",
    metavar="LOW..HIGH",
    help="Black and white as an ONNX file takes and gives them; IN:OUT if they differ.  [default: by its operators]",
)
@click.option(
    "--layout", type=click.Choice(["nchw", "nhwc"]), help="Axes of an ONNX file's pictures.  [default: by its shapes]"
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@json_option
def command(
    checkpoint: Path,
    beside: tuple[Path, ...],
    out: Path | None,
    name: str | None,
    part: Literal["generator", "scorer"] | None,
    licence: str | None,
    settings: tuple[str, ...],
    adopt: bool,
    kind: Kind | None,
    ranges: str | None,
    layout: Literal["nchw", "nhwc"] | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Turn CHECKPOINT, of any origin, into one ONNX file that is proved to equal it.

    The file's bytes decide what it is, whatever its name. None of the code in it is run. Some networks come in
    several files, such as a decoder and its encoder: name them all. An ONNX file of other makers is adopted: its
    pictures are brought to 0..1 and planes first, and the result is proved to equal the original.

    \b
    Examples:
      ganplugin export netG_epoch_24.pth
      ganplugin export runs/icons/checkpoint.safetensors --out icons.onnx --name icons
      ganplugin export runs/icons/checkpoint.safetensors --part scorer
      ganplugin export decoder.pth vgg_normalised.pth
      ganplugin export generator.pth --set bn_eps=1e-5
      ganplugin export AnimeGANv3_Hayao.onnx --range=-1..1
    """
    with needs_torch():
        from ganplugin.export import export_checkpoint
        from ganplugin.export.adopt import Stated, adopt_onnx
        from ganplugin.export.foreign import is_onnx
    stated = {"--kind": kind, "--range": ranges, "--layout": layout}
    with _stages() as report:
        if is_onnx(checkpoint):
            _refuse("an ONNX file", {"--part": part, "--set": settings})
            said = Stated(kind, ranges, layout)
            done = adopt_onnx(
                checkpoint,
                out,
                beside=beside,
                stated=said,
                name=name,
                licence=licence,
                overwrite=overwrite,
                report=report,
            )
        else:
            _refuse("a checkpoint", {"--adopt": adopt, **stated})
            done = export_checkpoint(
                checkpoint,
                out,
                beside=beside,
                name=name,
                part=part,
                licence=licence,
                settings=dict(_pair(text) for text in settings),
                overwrite=overwrite,
                report=report,
            )
    if as_json:
        print_json(_document(done))
    else:
        _print(done)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE", param_hint="--set")
    return name, value


def _refuse(what: str, options: Mapping[str, object]) -> None:
    """Say that an option is not for a file of this sort, rather than ignore it."""
    for name, value in options.items():
        if value:
            raise InputError(f"is not for {what}", where=name, fix="leave it out")


@contextlib.contextmanager
def needs_torch(doing: str = "reading checkpoints") -> Iterator[None]:
    """Turn a missing PyTorch into a `DependencyError` that says what needs it, with the install line."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"{doing} needs {error.name}", fix="install it with: pip install 'ganplugin[train]'"
        ) from error


@contextlib.contextmanager
def _stages() -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>10}"), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("reading", total=None)
        yield lambda stage, done, total: progress.update(bar, description=stage, completed=done, total=total)


def _document(done: Exported) -> dict[str, object]:
    return {
        "file": str(done.path),
        "container": done.container,
        "part": done.part,
        "averaged": done.averaged,
        "runner_up": done.runner_up,
        "others": [{"part": path, "title": title} for path, title in done.others],
        "manifest": done.manifest.model_dump(mode="json"),
    }


def _print(done: Exported) -> None:
    from rich.console import Console
    from rich.table import Table

    manifest = done.manifest
    table = Table("what", "found", "read from", box=None, header_style="bold", pad_edge=False)
    table.add_row("family", manifest.family, done.container + (f", second: {done.runner_up}" if done.runner_up else ""))
    for fact in manifest.inferred:
        table.add_row(fact.name, f"{fact.value}", "the common default" if fact.origin == "default" else fact.origin)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    if proof := manifest.verification:
        equalled = "the original" if done.container == "ONNX" else "PyTorch"
        console.print(
            f"equals {equalled} in {proof.cases} comparisons: largest difference {proof.max_error:.1e}"
            f" (at most {proof.tolerance:g} may be)"
        )
    console.print(f"rights: {manifest.licence or 'unknown'}", markup=False)
    for path, title in done.others:
        if manifest.kind != "scorer":
            console.print(f"it also holds a {title} ({path}): add --part scorer to export that", markup=False)
    console.print(f"{done.path}", markup=False)
