"""``ganplugin sheet``."""

from __future__ import annotations

import click

from ganplugin.cli.node_options import Values, node_options
from ganplugin.cli.report import report_files
from ganplugin.cli.terminal import device_options, json_option, terminal_context
from ganplugin.nodes import ContactSheet, LoadImages, LoadModel, SaveImages, StyleTransfer
from ganplugin.nodes.join_images import join


@click.command(short_help="Show one picture in every style.")
@click.argument("picture")
@click.option("--model", "models", multiple=True, help="A style model, repeatable.  [default: every builtin style]")
@node_options(StyleTransfer, without={"styles", "max_side"})
@click.option(
    "--max-side",
    default=512,
    show_default=True,
    type=click.IntRange(16, 16384),
    help="Shrink to this.",
)
@node_options(ContactSheet)
@click.option("--out", "folder", default="sheets", show_default=True, help="Folder, or - for standard output.")
@node_options(SaveImages, without={"folder", "name"})
@device_options
@json_option
def command(
    picture: str, models: tuple[str, ...], device: str, threads: int, batch: int, as_json: bool, **given: object
) -> None:
    """Paint PICTURE in every style and lay the results out on one sheet, the picture itself first.

    \b
    Examples:
      ganplugin sheet photo.jpg
      ganplugin sheet photo.jpg --captions --columns 4 --preserve-color luminance
    """
    from ganplugin.library import builtin_styles

    context, values = terminal_context(device, threads, batch), Values(given)
    content = LoadImages(path=picture).run(context).images
    names = models or builtin_styles()
    if not names:
        raise click.UsageError("there are no builtin styles here: name a model with --model")
    loaded = [LoadModel(model=name).run(context).model for name in names]
    painted = [values.node(StyleTransfer, model=model, images=content).run(context).images for model in loaded]
    drawn = values.node(ContactSheet, images=join((content, *painted), context)).run(context).images
    saved = values.node(SaveImages, images=drawn, name=f"{content.origin(0).name}-sheet").run(context)
    report_files(saved.paths, loaded[0], as_json=as_json)
