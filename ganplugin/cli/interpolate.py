"""``ganplugin interpolate``."""

from __future__ import annotations

import mimetypes

import click

from ganplugin.cli.node_options import Values, node_options
from ganplugin.cli.report import report_files
from ganplugin.cli.terminal import device_options, json_option, terminal_context
from ganplugin.errors import InputError
from ganplugin.nodes import Interpolate, LoadLatents, LoadModel, SaveImages, SaveVideo


@click.command(short_help="Render a walk between seeds as a film.")
@click.argument("model")
@node_options(Interpolate)
@click.option("--latents", "latent_file", help="Walk through the latents of a .npz or .npy file instead of seeds.")
@click.option(
    "--out",
    help="A film (.mp4 .webm .gif .webp …) or a folder for pictures.  [default: walk.mp4 or walk.webp]",
)
@node_options(SaveVideo, without={"path"})
@device_options
@json_option
def command(
    model: str,
    latent_file: str | None,
    out: str | None,
    device: str,
    threads: int,
    batch: int,
    as_json: bool,
    **given: object,
) -> None:
    """Walk from seed to seed through MODEL and write the frames as a film that loops without a seam.

    \b
    Examples:
      ganplugin interpolate builtin:icons
      ganplugin interpolate builtin:brushwork --seeds 3,14,15,92 --frames 240 --out walk.mp4
      ganplugin interpolate face.onnx --no-loop --easing smooth --out frames/
    """
    from ganplugin.video import best_suffix

    out = out or f"walk{best_suffix()}"
    film = _is_film(out)
    context, values = terminal_context(device, threads, batch), Values(given)
    loaded = LoadModel(model=model).run(context).model
    latents = None if latent_file is None else LoadLatents(path=latent_file).run(context).latents
    images = values.node(Interpolate, model=loaded, latents=latents).run(context).images
    if film:
        paths: tuple[str, ...] = (values.node(SaveVideo, images=images, path=out).run(context).path,)
    else:
        paths = values.node(SaveImages, images=images, folder=out).run(context).paths
    report_files(paths, loaded, as_json=as_json)


def _is_film(out: str) -> bool:
    """Tell a film from a folder; refuse the names of films and pictures that cannot be written."""
    from ganplugin.video import VIDEO_SUFFIXES, is_film

    kind = mimetypes.guess_type(out)[0] or ""
    if not is_film(out) and kind.startswith(("video/", "image/", "audio/")):
        known = ", ".join(VIDEO_SUFFIXES)
        raise InputError("is no film that can be written", where=out, fix=f"use one of {known}, or name a folder")
    return is_film(out)
