"""Going on with a run: it keeps the options that it was begun with, but for those that may change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from ganplugin.cli.export import needs_torch
from ganplugin.errors import InputError

if TYPE_CHECKING:
    from ganplugin.train.run_file import Called

__all__ = ["Resumable", "called_as"]

_ELSEWHERE: Final = frozenset({"out", "resume", "preview"})
_LENGTH: Final = frozenset({"minutes", "kimg", "steps"})
_FREE: Final = frozenset(
    {
        *_LENGTH,
        *("loss", "penalty", "lazy", "learning_rate", "augment", "content_weight", "identity"),
        *("device", "devices", "nodes", "precision", "layout", "threads", "compiled"),
        *("metrics", "save_minutes", "keep_kimg", "data", "licence", "photos", "features"),
    }
)
"""What may be another when a run goes on."""


class Resumable(click.Command):
    """A training that --resume goes on with. Options that are not given are then those of the run.

    Raises `InputError` for an option that cannot change, and as `run_of` does.
    """

    def place(self, parameters: Mapping[str, Any]) -> Path:
        """Return the folder of a run where --out is not given."""
        raise NotImplementedError

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own type
        """Fill in what the run knows, and train."""
        with needs_torch("training"):
            from ganplugin.train.run_file import run_of

        parameters = ctx.params
        parameters["out"] = parameters["out"] or self.place(parameters)
        told = run_of(parameters["out"], str(self.name), resume=parameters["resume"])
        options, given = told.get("options"), told.get("given")
        if isinstance(options, dict) and isinstance(given, list):
            # What was left to a run it has decided since: its recipe by the time it was given, its batch by the recipe.
            decided = {name: told.get(name) for name, value in options.items() if value is None}
            self._take_up(ctx, {**options, **decided}, set(given))
        return super().invoke(ctx)

    def _take_up(self, context: click.Context, options: Mapping[str, object], given: set[str]) -> None:
        asked = {name for name in context.params if _is_given(context, name)}
        # A new length, by whatever measure, stands for the old one.
        settled = asked | (_LENGTH if asked & _LENGTH else set())
        for parameter in self.get_params(context):
            name = str(parameter.name)
            if name not in options:
                continue
            if name not in settled:
                context.params[name] = parameter.type_cast_value(context, options[name])
                if name in given:
                    context.set_parameter_source(name, ParameterSource.COMMANDLINE)
            elif name not in _FREE:
                self._check_same(parameter, _plain(context.params[name]), options[name])

    @staticmethod
    def _check_same(parameter: click.Parameter, asked: object, began: object) -> None:
        """Refuse what cannot be another; None began as a default that shows in the pictures or the networks."""
        if began is not None and asked != began:
            words = "without it" if began is False else f"with {_shown(began)}"
            fix = "leave it out, or start a new run with another --out"
            raise InputError(f"the run was begun {words}", where=parameter.opts[0], fix=fix)


def called_as(context: click.Context) -> Called:
    """Return how a training was called, without its place.

    Its words are without its length, too. With those added, and ``--resume``, they go on with it: a run's page shows
    them.
    """
    from ganplugin.train.run_file import Called

    options = _options_of(context)
    given = [name for name in options if _is_given(context, name)]
    return Called(_given_words(context), options, tuple(given))


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _options_of(context: click.Context) -> dict[str, object]:
    options = (one for one in context.command.get_params(context) if isinstance(one, click.Option))
    return {
        name: _plain(context.params[name])
        for name in (str(option.name) for option in options)
        if name in context.params and name not in _ELSEWHERE
    }


def _given_words(context: click.Context) -> tuple[str, ...]:
    words = ["train", str(context.command.name)]
    for parameter in context.command.get_params(context):
        name = str(parameter.name)
        if name not in _ELSEWHERE | _LENGTH and _is_given(context, name):
            words += _words(parameter, context.params[name])
    return tuple(words)


def _words(parameter: click.Parameter, value: object) -> list[str]:
    values = value if isinstance(value, tuple) else (value,)
    if isinstance(parameter, click.Argument):
        return [str(_plain(one)) for one in values]
    if isinstance(value, bool):
        return [parameter.opts[0] if value else parameter.secondary_opts[0]]
    return [word for one in values for word in (parameter.opts[0], str(_plain(one)))]


def _plain(value: object) -> object:
    """Return a value as JSON holds it; a path whole, if something lies there, so that it is found from anywhere."""
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value.resolve() if value.exists() else value)
    return value


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
