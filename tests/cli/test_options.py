"""Options are made from nodes: same names, ranges, defaults and help; and what help shows can be typed."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Literal, get_args, get_origin

import click
import pytest

from ganplugin import cli as command_line
from ganplugin.cli import COMMANDS, cli
from ganplugin.cli.node_options import Values, node_options
from ganplugin.nodes import ContactSheet, Interpolate, MixStyles, Sample, SaveImages, SaveVideo, Score, StyleTransfer
from ganplugin.nodes.ports import inputs_of

MADE_OF = {
    "sample": (Sample, MixStyles, SaveImages),
    "interpolate": (Interpolate, SaveVideo),
    "style": (StyleTransfer, SaveImages),
    "sheet": (StyleTransfer, ContactSheet, SaveImages),
    "score": (Score, ContactSheet),
}
OWN = {  # fields that a command takes under another name, or settles itself
    ("sample", "folder"), ("style", "folder"), ("sheet", "folder"), ("interpolate", "path"),
    ("sheet", "styles"), ("sheet", "max_side"), ("sheet", "name"), ("score", "captions"),
    ("style", "statistics"),
}  # fmt: skip
PAIRS = [(command, node) for command, nodes in MADE_OF.items() for node in nodes]


def commands() -> Iterator[tuple[str, click.Command]]:
    """Give every command and every command below it, with the words that call it."""
    for name in COMMANDS:
        yield from below(name, importlib.import_module(f"ganplugin.cli.{name}").command)


def below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            assert child is not None
            yield from below(f"{path} {name}", child)


@pytest.mark.parametrize(("name", "node"), PAIRS, ids=[f"{name}-{node.__name__}" for name, node in PAIRS])
def test_options_agree_with_the_fields_of_their_node(name, node):
    options = {option.name: option for option in importlib.import_module(f"ganplugin.cli.{name}").command.params}
    sockets = {port.name for port in inputs_of(node) if port.is_socket}
    for field_name, field in node.model_fields.items():
        if field_name in sockets or (name, field_name) in OWN:
            continue
        option = options[field_name]
        assert isinstance(option, click.Option)
        assert f"--{field_name.replace('_', '-')}" in option.opts
        if (name, node) == ("sample", MixStyles) and field_name in Sample.model_fields:
            assert field.default == Sample.model_fields[field_name].default
            continue
        assert option.default == field.default
        assert option.help == field.description
        bounds = [getattr(rule, side) for side in ("ge", "le") for rule in field.metadata if hasattr(rule, side)]
        if field.annotation in (int, float):
            assert [option.type.min, option.type.max] == bounds
        elif get_origin(field.annotation) is Literal:
            assert tuple(option.type.choices) == get_args(field.annotation)
        elif field.annotation is bool:
            assert option.is_flag
            assert (f"--no-{field_name}" in option.secondary_opts) == field.default


def test_options_are_left_out_by_name_and_links_have_none():
    @click.command()
    @node_options(Sample, without={"seeds"})
    def command(**given: object) -> None:
        """Do nothing."""

    assert [option.name for option in command.params] == ["truncation", "label", "noise", "truncation_cutoff", "seed"]


def test_a_node_takes_its_own_values_and_links_come_first():
    from tests.nodes.kit import sequence

    values = Values({"name": "a", "format": "jpg", "seeds": "1", "overwrite": True})
    made = values.node(SaveImages, images=sequence([]), name="b")
    assert (made.name, made.format, made.overwrite, made.folder) == ("b", "jpg", True, "pictures")


def test_the_listing_agrees_with_the_commands():
    for name, summary in COMMANDS.items():
        assert importlib.import_module(f"ganplugin.cli.{name}").command.get_short_help_str(200) == summary


@pytest.mark.parametrize(("path", "command"), list(commands()), ids=[path for path, _ in commands()])
def test_every_command_has_help_for_everything_and_examples_that_can_be_typed(path, command):
    if not isinstance(command, click.Group):
        assert "Examples:" in (command.help or "")
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{path} {option.name}"
    for line in re.findall(r"^\s*ganplugin (.+)$", command.help or "", re.MULTILINE):
        words = re.split(r"\s[<>|]\s", f" {line.split('  #')[0]}")[0]
        type_in(shlex.split(words))


def type_in(words: list[str]) -> None:
    """Parse a command line without running it; raises what the user would see."""
    context = click.Context(cli, info_name="ganplugin", help_option_names=["-h", "--help"])
    command: click.Command = cli
    while isinstance(command, click.Group) and words:
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=name, parent=context)
    assert not isinstance(command, click.Group)
    command.make_context("x", list(words), parent=context)


@pytest.mark.parametrize("arguments", [["--help"], ["sample", "--help"], ["--version"]])
def test_help_goes_to_standard_output(run, arguments):
    done = run(*arguments)
    assert done.code == 0
    assert done.err == ""
    assert "ganplugin" in done.out


def test_help_has_a_short_form():
    assert cli.context_settings["help_option_names"] == ["-h", "--help"]


def test_nothing_at_all_shows_the_help(run):
    done = run()
    assert done.code == 2
    assert "Examples:" in done.err + done.out


def test_a_command_must_be_one(monkeypatch, run):
    monkeypatch.setitem(command_line.COMMANDS, "terminal", "x")
    monkeypatch.setattr("ganplugin.cli.terminal.command", 5, raising=False)
    with pytest.raises(TypeError, match="is not a command"):
        run("terminal")


def test_the_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "ganplugin", "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ganplugin, version ")


def test_json_is_plain_ascii_so_that_every_pipe_takes_it(capsys):
    command_line.print_json({"name": "ä\udcff"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"name": "ä\udcff"}


def test_progress_is_drawn_on_terminals_only(capsys):
    from ganplugin.cli.terminal import TerminalReporter

    reporter = TerminalReporter()
    with reporter.task("Rendering", 3) as done:
        done(1)
        with reporter.task("within", 2) as within:
            within(2)
        done(3)
    reporter.preview(None)
    reporter.message("hello")
    reporter.message("hello")
    assert capsys.readouterr() == ("", "hello\n")


def test_a_task_within_a_task_has_its_bar_in_the_same_set(monkeypatch):
    """A terminal shows one set of bars: old versions of rich refuse a second one."""
    from rich.progress import Progress

    from ganplugin.cli.terminal import TerminalReporter

    added: list[tuple[Progress, str]] = []
    add = Progress.add_task
    monkeypatch.setattr(
        Progress, "add_task", lambda bars, label, **how: added.append((bars, label)) or add(bars, label, **how)
    )
    reporter = TerminalReporter()
    with reporter.task("Rendering", 3), reporter.task("tiles", 50) as tiles:
        tiles(7)
    with reporter.task("Once more", 1):
        pass
    (first, _), (second, _), (third, _) = added
    assert first is second
    assert third is not first
    assert [label for _, label in added] == ["Rendering", "tiles", "Once more"]
