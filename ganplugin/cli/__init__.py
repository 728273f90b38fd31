"""The command line: a group that loads a command's module only when that command is used."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from ganplugin import __version__
from ganplugin.errors import GanPluginError

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS: dict[str, str] = {
    "demo": "Make a folder of pictures, a film and styled photos from the builtin models.",
    "models": "List the builtin models and the model files found here.",
    "sample": "Render pictures from seeds.",
    "interpolate": "Render a walk between seeds as a film.",
    "style": "Paint pictures or a film in a style.",
    "sheet": "Show one picture in every style.",
    "score": "Rank pictures by a discriminator, best first.",
    "graph": "Run a graph of nodes, as ComfyUI exports it, without a host.",
    "series": "Begin a series: a file that says what varies from piece to piece.",
    "render": "Render a series, or go on with one; nothing is lost or made twice.",
    "verify": "Check every file of a series against its digest.",
    "install": "Put the nodes into ComfyUI or InvokeAI.",
    "again": "Render a picture once more from what it says of itself.",
    "export": "Turn a checkpoint into one verified ONNX file.",
    "inspect": "Say what a model file or checkpoint is.",
    "data": "Report on pictures to train on, and pack them.",
    "train": "Train a generator, a style or a translation.",
    "evaluate": "Measure a generator's pictures against real ones.",
    "bench": "Measure how fast a model renders here, and what bounds it.",
    "doctor": "Check this installation and say how to mend it.",
}
"""Every command and its one-line help, so that ``--help`` loads none of them; a test compares the two."""


class LazyGroup(click.Group):
    """A group whose commands live in ``ganplugin.cli.<name>`` as ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of a newcomer's day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"ganplugin.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"ganplugin.cli.{cmd_name}.command is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or fail with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from ganplugin.registry import did_you_mean

            raise click.UsageError(f"no such command {args[0]!r} - {did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ganplugin")
def cli() -> None:
    """From GAN training to the wall: train, export, render, film and style, on any machine.

    \b
    Examples:
      ganplugin demo
      ganplugin sample builtin:icons --seeds 0-63 --out pictures
      ganplugin style builtin:great-wave photo.jpg
      ganplugin export netG_epoch_24.pth
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with an exit code by class of error: one line for people, no traceback."""
    try:
        given = None if arguments is None else list(arguments)
        result = cli.main(args=given, prog_name="ganplugin", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except GanPluginError as error:
        click.secho(f"ganplugin: {error}", err=True, fg="red" if error.exit_code != 130 else "yellow")
        code = error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        click.secho(f"ganplugin: {_one_line(error)}", err=True, fg="red")
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.secho("ganplugin: stopped - files already written are whole", err=True, fg="yellow")
        code = 130
    sys.exit(code)


def _one_line(error: click.ClickException) -> str:
    what = " ".join(error.format_message().split()).rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return what if context is None else f"{what} - see: {context.command_path} --help"


def print_json(value: object) -> None:
    """Write one JSON document to standard output, for machines."""
    click.echo(json.dumps(value, indent=2))
