"""``ganplugin style``."""

from __future__ import annotations

import click

from ganplugin.cli.film_styling import Film, film_options, is_film_wanted
from ganplugin.cli.node_options import Values, node_options
from ganplugin.cli.report import report_files
from ganplugin.cli.terminal import device_options, json_option, terminal_context
from ganplugin.nodes import LoadImages, LoadModel, SaveImages, StyleTransfer


@click.command(short_help="Paint pictures or a film in a style.")
@click.argument("model")
@click.argument("pictures", nargs=-1, required=True)
@node_options(StyleTransfer, without={"statistics"})
@click.option(
    "--statistics",
    type=click.Choice(["picture", "shot"]),
    help="What the network measures: for each picture, or alike for each shot.  [default: shot for a film]",
)
@click.option("--style-image", "painting", help="The painting, for models that take one.")
@click.option(
    "--out", default="styled", show_default=True, help="Folder, film (.mp4 .webm .gif …), or - for standard output."
)
@node_options(SaveImages, without={"folder"})
@film_options
@device_options
@json_option
def command(
    model: str,
    pictures: tuple[str, ...],
    painting: str | None,
    out: str,
    statistics: str | None,
    device: str,
    threads: int,
    batch: int,
    as_json: bool,
    **given: object,
) -> None:
    """Paint PICTURES (files, folders, patterns, or - for standard input) in the style of MODEL.

    Any size; alpha is kept; the camera's rotation is honoured. Of a film (.mp4 .mov .mkv .webm …) every frame is
    painted; length, frame rate and sound stay. One that was stopped goes on when the same command is given again.

    \b
    Examples:
      ganplugin style builtin:great-wave photo.jpg
      ganplugin style builtin:great-wave holiday/ --preserve-color luminance --strength 0.8
      ganplugin style builtin:masters photo.jpg --styles great-wave=2,spring=1
      ganplugin style builtin:cafe-terrace - --out - < photo.jpg > painting.png
      ganplugin style builtin:great-wave holiday.mp4 --out wave.mp4 --max-side 960
      ganplugin style builtin:spring frames/ --out film.webm --fps 24 --steady 1
    """
    film = is_film_wanted(pictures, out)
    statistics = statistics or ("shot" if film else "picture")
    context, values = terminal_context(device, threads, batch), Values({**given, "statistics": statistics})
    loaded = LoadModel(model=model).run(context).model
    style_image = None if painting is None else LoadImages(path=painting).run(context).images
    if film:
        path = Film(pictures, out, values, context).paint(loaded, style_image)
        report_files([path], loaded, as_json=as_json)
        return
    images = LoadImages(path="\n".join(pictures)).run(context).images
    painted = values.node(StyleTransfer, model=loaded, images=images, style_image=style_image).run(context).images
    saved = values.node(SaveImages, images=painted, folder=out).run(context)
    report_files(saved.paths, loaded, as_json=as_json)
