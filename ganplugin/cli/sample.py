"""``ganplugin sample``."""

from __future__ import annotations

from pathlib import Path

import click

from ganplugin.cli.node_options import Values, node_options
from ganplugin.cli.report import report_files
from ganplugin.cli.terminal import device_options, json_option, terminal_context
from ganplugin.nodes import ContactSheet, LoadLatents, LoadModel, MixStyles, Sample, SaveImages
from ganplugin.nodes.save_images import save_together


@click.command(short_help="Render pictures from seeds.")
@click.argument("model")
@node_options(Sample)
@click.option("--latents", "latent_file", help="Render the latents of a .npz or .npy file instead of seeds.")
@click.option("--sheet", is_flag=True, help="Also write one contact sheet of all, OUT-sheet.png beside the folder.")
@click.option("--mix", help="Seeds, one or as many, whose named layers replace those of the pictures.")
@node_options(MixStyles, without=set(Sample.model_fields))
@click.option("--out", "folder", default="samples", show_default=True, help="Folder, or - for standard output.")
@node_options(SaveImages, without={"folder"})
@device_options
@json_option
def command(
    model: str,
    latent_file: str | None,
    sheet: bool,
    mix: str | None,
    device: str,
    threads: int,
    batch: int,
    as_json: bool,
    **given: object,
) -> None:
    """Render one picture for each seed of MODEL (builtin:NAME or an .onnx file).

    The same seed gives the same file, whatever the batch size, the order or the other seeds.

    \b
    Examples:
      ganplugin sample builtin:icons
      ganplugin sample builtin:brushwork --seeds 0-63 --truncation 0.7 --out pictures
      ganplugin sample builtin:icons --seeds 0-7 --mix 42 --layers fine
      ganplugin sample face.onnx --seeds 7 --out - > face.png
    """
    context, values = terminal_context(device, threads, batch), Values(given)
    loaded = LoadModel(model=model).run(context).model
    latents = None if latent_file is None else LoadLatents(path=latent_file).run(context).latents
    request = values.node(Sample, model=loaded, latents=latents)
    if mix is not None:
        other = values.node(Sample, model=loaded, seeds=mix).run(context).latents
        mixed = values.node(MixStyles, model=loaded, a=request.run(context).latents, b=other).run(context).latents
        request = values.node(Sample, model=loaded, latents=mixed, truncation=1.0)
    images = request.run(context).images
    savers = [values.node(SaveImages, images=images)]
    if sheet:
        drawn = ContactSheet(images=images).run(context).images
        savers.append(values.node(SaveImages, images=drawn, **_beside(str(given["folder"]))))
    report_files(save_together(savers, context)[0], loaded, as_json=as_json)


def _beside(folder: str) -> dict[str, str]:
    """Return where a sheet goes: not among the pictures, or they could not be scored or trained on as they are."""
    if folder == "-":
        return {"folder": folder}
    return {"folder": str(Path(folder).parent), "name": f"{Path(folder).resolve().name}-sheet"}
