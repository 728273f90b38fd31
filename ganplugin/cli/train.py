"""``ganplugin train``: make a generator or a style from pictures."""

from __future__ import annotations

import click

from ganplugin.cli.train_arbitrary import arbitrary
from ganplugin.cli.train_generator import generator
from ganplugin.cli.train_style import style

__all__ = ["command"]


@click.group(name="train", short_help="Train a generator or a style.")
def command() -> None:
    """Train a generator or a style.

    A generator learns from a folder of pictures, a style from one painting or several; arbitrary learns to paint in the
    manner of any painting that it is shown.

    \b
    Examples:
      ganplugin train generator textures --minutes 30
      ganplugin train style wave.png
      ganplugin train arbitrary paintings/ --minutes 240
    """


command.add_command(generator)
command.add_command(style)
command.add_command(arbitrary)
