"""``ganplugin install``."""

from __future__ import annotations

from pathlib import Path

import click

from ganplugin import hostpacks
from ganplugin.cli import print_json
from ganplugin.cli.terminal import json_option


@click.command(short_help="Put the nodes into ComfyUI or InvokeAI.")
@click.argument("host", type=click.Choice([pack.host for pack in hostpacks.PACKS]))
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--uninstall", is_flag=True, help="Take the nodes away again.")
@json_option
def command(host: str, path: Path | None, uninstall: bool, as_json: bool) -> None:
    """Write the small folder by which HOST finds our nodes into its folder PATH, or bring it up to date.

    Without PATH the usual places are searched. No other file is touched; start the host again to see the nodes.

    \b
    Examples:
      ganplugin install comfyui
      ganplugin install comfyui ~/ComfyUI
      ganplugin install comfyui --uninstall
      ganplugin install invokeai ~/invokeai
    """
    pack = hostpacks.PACKS[host]
    folder = hostpacks.uninstall(pack, path) if uninstall else hostpacks.install(pack, path)
    python = None if folder is None else hostpacks.python_of(pack, folder.parent)
    if as_json:
        print_json({"folder": folder and str(folder), "python": python and str(python)})
        return
    if folder is None:
        click.echo(f"{pack.title} has no nodes of ours")
        return
    click.echo(f"{folder}: {'taken away' if uninstall else f'ready, start {pack.title} again'}")
    if python is not None and not uninstall:
        click.echo(f"{pack.title} runs its own Python; install there too: {python} -m pip install 'ganplugin[cpu]'")
