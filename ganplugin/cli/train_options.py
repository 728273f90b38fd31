"""What all kinds of training have in common on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final, TypeVar

import click

__all__ = ["computing_options", "keeping_option", "run_options", "spread_options"]

Command = TypeVar("Command", bound=Callable[..., object])

_COMPUTING: Final = (
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps."),
    click.option(
        "--precision",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "fp32", "bf16"]),
        help="Number format.",
    ),
    click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all cores]"),
)
_SPREAD: Final = (
    click.option("--devices", default=1, show_default=True, type=click.IntRange(1, 64), help="GPUs or processes."),
    click.option("--nodes", default=1, show_default=True, type=click.IntRange(1, 512), help="Machines."),
    click.option(
        "--layout",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "plain", "channels-last"]),
        help="Order of maps in memory; auto measures both.",
    ),
)
_KEEPING: Final = click.option(
    "--keep-kimg",
    type=click.FloatRange(min=0, min_open=True),
    help="Keep the checkpoint of a save for good, this often.",
)
_RUN: Final = (
    click.option(
        "--save-minutes",
        default=5.0,
        show_default=True,
        type=click.FloatRange(min=0, min_open=True),
        help="Save and write a sample sheet this often.",
    ),
    click.option("--data", default="", help="What the pictures are; recorded in the model."),
    click.option("--licence", default="", help="What you know of the rights in the pictures; recorded in the model."),
    click.option(
        "--preview", is_flag=True, help="Draw the samples in the terminal at each save, where it has colours."
    ),
    click.option("--resume", is_flag=True, help="Go on with the run in --out."),
)


def computing_options(command: Command) -> Command:
    """Give a command --device, --precision and --threads."""
    return _with(_COMPUTING, command)


def spread_options(command: Command) -> Command:
    """Give a command --devices, --nodes and --layout."""
    return _with(_SPREAD, command)


def keeping_option(command: Command) -> Command:
    """Give a command --keep-kimg."""
    return _KEEPING(command)


def run_options(command: Command) -> Command:
    """Give a command --save-minutes, --data, --licence, --preview and --resume."""
    return _with(_RUN, command)


def _with(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    return reduce(lambda decorated, option: option(decorated), reversed(options), command)
