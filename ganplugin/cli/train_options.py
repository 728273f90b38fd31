"""What all kinds of training have in common on the command line."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

__all__ = ["given_words", "preview_option"]

_ELSEWHERE = ("out", "minutes", "kimg", "steps", "resume", "preview")

preview_option = click.option(
    "--preview", is_flag=True, help="Draw the samples in the terminal at each save, where it has colours."
)


def given_words(context: click.Context) -> tuple[str, ...]:
    """Return how a command was called, word by word, with whole paths, but without its place and its length.

    With those added, and ``--resume``, it goes on: a run's page shows it.
    """
    words = ["train", str(context.command.name)]
    for parameter in context.command.get_params(context):
        name = str(parameter.name)
        if name not in _ELSEWHERE and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            words += _words(parameter, context.params[name])
    return tuple(words)


def _words(parameter: click.Parameter, value: object) -> list[str]:
    values = value if isinstance(value, tuple) else (value,)
    if isinstance(parameter, click.Argument):
        return [_word(one) for one in values]
    if isinstance(value, bool):
        return [parameter.opts[0] if value else parameter.secondary_opts[0]]
    return [word for one in values for word in (parameter.opts[0], _word(one))]


def _word(value: object) -> str:
    """Return a value as text; a path whole, if something lies there, so that it is found from anywhere."""
    return str(value.resolve()) if isinstance(value, Path) and value.exists() else str(value)
