"""``ganplugin models``."""

from __future__ import annotations

import click

from ganplugin.cli import print_json
from ganplugin.cli.terminal import json_option


@click.command(short_help="List the builtin models and the model files found here.")
@json_option
def command(as_json: bool) -> None:
    """List every model that can be named here: builtins, and files in this folder, models/ and $GANPLUGIN_MODELS.

    \b
    Examples:
      ganplugin models
      ganplugin models --json
    """
    from rich.console import Console
    from rich.table import Table

    from ganplugin.shelf import list_models

    entries = list_models()
    if as_json:
        print_json({"models": [entry.model_dump(mode="json") for entry in entries]})
        return
    table = Table("model", "kind", "size", "KiB", "what it is", box=None, header_style="bold", pad_edge=False)
    for entry in entries:
        size = "any" if entry.size is None else "{}x{}".format(*entry.size)
        size += f", enlarged x{entry.scale}" if entry.scale > 1 else ""
        note = entry.title if entry.problem is None else f"{entry.title} - {entry.problem}"
        table.add_row(entry.model, entry.kind, size, f"{entry.bytes / 1024:,.0f}", note)
    Console().print(table)
