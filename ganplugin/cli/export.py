"""``ganplugin export``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ganplugin.cli import print_json
from ganplugin.cli.terminal import json_option
from ganplugin.errors import DependencyError, InputError

if TYPE_CHECKING:
    from ganplugin.manifest import Kind

__all__ = ["command", "needs_torch"]


@click.command(short_help="Turn a checkpoint into one verified ONNX file.")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("beside", type=click.Path(path_type=Path), nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: beside CHECKPOINT, as .onnx]")
@click.option("--name", help="Name of the model.  [default: the checkpoint's]")
@click.option("--part", help="Which network of several: generator, scorer, or where it is, as inspect shows it.")
@click.option("--with-scorer", is_flag=True, help="Write the discriminator too, as OUT-scorer, to rank pictures with.")
@click.option("--family", help="What the network is, where several families fit.")
@click.option("--licence", help="What you know of the rights in the weights; recorded in the model.")
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="What the tensors do not tell, such as bn_eps=1e-5.  [default: the family's common code]",
)
@click.option(
    "--profile",
    type=click.Choice(["full", "plain", "static"]),
    default="full",
    show_default=True,
    help="plain: latent or picture in, picture out, no optional inputs. static: and one at a time, all sizes fixed.",
)
@click.option("--size", metavar="WxH", help="Fix a style network's pictures to one size, for programs that need that.")
@click.option("--fp16", is_flag=True, help="Half precision where it is safe: half the file, faster on most GPUs.")
@click.option("--opset", type=int, default=18, show_default=True, help="ONNX operator set, 15 to 20.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["onnx", "safetensors"]),
    default="onnx",
    show_default=True,
    help="safetensors: the weights alone, for PyTorch.",
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
    part: str | None,
    with_scorer: bool,
    family: str | None,
    licence: str | None,
    settings: tuple[str, ...],
    profile: Literal["full", "plain", "static"],
    size: str | None,
    fp16: bool,
    opset: int,
    file_format: Literal["onnx", "safetensors"],
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
      ganplugin export network-snapshot-000123.pkl --with-scorer
      ganplugin export runs/icons/checkpoint.safetensors --out icons.onnx --name icons
      ganplugin export decoder.pth vgg_normalised.pth
      ganplugin export generator.pth --set bn_eps=1e-5
      ganplugin export latest_net_G.pth --profile plain --size 512x512
      ganplugin export network-snapshot-000123.pkl --format safetensors
      ganplugin export AnimeGANv3_Hayao.onnx --range=-1..1
    """
    with needs_torch():
        from ganplugin.export import ExportOptions, export_checkpoint
        from ganplugin.export.adopt import Stated, adopt_onnx
        from ganplugin.export.foreign import is_onnx
    stated = {"--kind": kind, "--range": ranges, "--layout": layout}
    graph = {"--size": size, "--fp16": fp16, "--opset": opset != 18, "--format": file_format != "onnx"}
    with _stages() as report:
        if is_onnx(checkpoint):
            choice = {"--part": part, "--set": settings, "--family": family, "--with-scorer": with_scorer}
            _refuse("an ONNX file", {**choice, **graph, "--profile": profile != "full"})
            done = adopt_onnx(
                checkpoint,
                out,
                beside=beside,
                stated=Stated(kind, ranges, layout),
                name=name,
                licence=licence,
                overwrite=overwrite,
                report=report,
            )
        else:
            _refuse("a checkpoint", {"--adopt": adopt, **stated})
            options = ExportOptions(
                part=part,
                family=family,
                settings=dict(_pair(text) for text in settings),
                name=name,
                licence=licence,
                format=file_format,
                profile=profile,
                size=None if size is None else _sides(size),
                precision="fp16" if fp16 else "fp32",
                opset=opset,
                with_scorer=with_scorer,
            )
            done = export_checkpoint(checkpoint, out, options, beside=beside, overwrite=overwrite, report=report)
    from ganplugin.cli.export_report import document, show

    if as_json:
        print_json(document(done))
    else:
        show(done)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE", param_hint="--set")
    return name, value


def _sides(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})(?:[x×](\d{1,6}))?", text.strip().lower())
    if match is None:
        raise click.BadParameter(f"{text!r} is not of the form 512x384", param_hint="--size")
    return int(match[1]), int(match[2] or match[1])


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
        missing = (error.name or "a package").partition(".")[0]
        raise DependencyError(
            f"{doing} needs {missing}", fix="install it with: pip install 'ganplugin[train]'"
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
