"""``ganplugin demo``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


@click.command(short_help="Make a folder of pictures, a film and styled photos from the builtin models.")
@click.option("--out", "folder", default="demo", show_default=True, type=click.Path(path_type=Path), help="Folder.")
@click.option("--overwrite", is_flag=True, help="Replace files of an earlier demonstration.")
def command(folder: Path, overwrite: bool) -> None:
    """Render samples, seamless films and a photo in every style, with no download, and say which commands do it.

    \b
    Examples:
      ganplugin demo
      ganplugin demo --out /tmp/demo
    """
    from ganplugin.cli import cli
    from ganplugin.demo import demo_commands, write_photo
    from ganplugin.files import make_folder
    from ganplugin.video import best_suffix

    photo = write_photo(make_folder(folder), overwrite=overwrite)
    for arguments in demo_commands(folder, photo, best_suffix()):
        click.secho("$ " + shlex.join(["ganplugin", *arguments]), bold=True)
        cli.main([*arguments, *(["--overwrite"] if overwrite else [])], standalone_mode=False)
    click.echo(f"\nLook into {folder}/ - each picture can be rendered again: ganplugin again PICTURE")
