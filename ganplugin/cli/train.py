"""``ganplugin train``: make a generator, a style or a translation from pictures."""

from __future__ import annotations

import click

from ganplugin.cli.train_arbitrary import arbitrary
from ganplugin.cli.train_compare import compare
from ganplugin.cli.train_generator import generator
from ganplugin.cli.train_style import style
from ganplugin.cli.train_translate import translate

__all__ = ["command"]


@click.group(name="train", short_help="Train a generator, a style or a translation.")
def command() -> None:
    """Train a generator, a style or a translation.

    A generator learns from a folder of pictures, a style from one painting or several, a translation from two folders;
    arbitrary learns to paint in the manner of any painting that it is shown.

    \b
    Examples:
      ganplugin train generator textures --minutes 30
      ganplugin train style wave.png
      ganplugin train arbitrary paintings/ --minutes 240
      ganplugin train translate photos paintings --minutes 60
      ganplugin train compare runs/*
    """


for _kind in (generator, style, arbitrary, translate, compare):
    command.add_command(_kind)
