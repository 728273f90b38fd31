"""``ganplugin style``."""

from __future__ import annotations

import click

from ganplugin.cli.node_options import Values, node_options
from ganplugin.cli.report import report_files
from ganplugin.cli.terminal import device_options, json_option, terminal_context
from ganplugin.nodes import LoadImages, LoadModel, SaveImages, StyleTransfer


@click.command(short_help="Paint pictures in a style.")
@click.argument("model")
@click.argument("pictures", nargs=-1, required=True)
@node_options(StyleTransfer)
@click.option("--style-image", "painting", help="The painting, for models that take one.")
@click.option("--out", "folder", default="styled", show_default=True, help="Folder, or - for standard output.")
@node_options(SaveImages, without={"folder"})
@device_options
@json_option
def command(
    model: str,
    pictures: tuple[str, ...],
    painting: str | None,
    device: str,
    threads: int,
    batch: int,
    as_json: bool,
    **given: object,
) -> None:
    """Paint PICTURES (files, folders, patterns, or - for standard input) in the style of MODEL.

    Any size; alpha is kept; the camera's rotation is honoured.

    \b
    Examples:
      ganplugin style builtin:great-wave photo.jpg
      ganplugin style builtin:great-wave holiday/ --preserve-color luminance --strength 0.8
      ganplugin style builtin:masters photo.jpg --styles great-wave=2,spring=1
      ganplugin style builtin:cafe-terrace - --out - < photo.jpg > painting.png
    """
    context, values = terminal_context(device, threads, batch), Values(given)
    loaded = LoadModel(model=model).run(context).model
    images = LoadImages(path="\n".join(pictures)).run(context).images
    style_image = None if painting is None else LoadImages(path=painting).run(context).images
    painted = values.node(StyleTransfer, model=loaded, images=images, style_image=style_image).run(context).images
    saved = values.node(SaveImages, images=painted).run(context)
    report_files(saved.paths, loaded, as_json=as_json)
