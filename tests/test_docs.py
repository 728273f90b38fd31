"""Documents that cannot rot: generated pages are fresh, every example parses, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ganplugin.cli import COMMANDS, cli
from ganplugin.nodes import NODES
from tests.source import ROOT, load_script

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CONSOLE = re.compile(r"```(?:console|bash|sh|shell)\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
# Commands that are quick with the embedded models, so that their examples are run, not only parsed.
QUICK = {"inspect", "models", "sample"}


make_docs = load_script("make_docs")
COMMANDS_BELOW = list(make_docs.commands())
EACH_COMMAND = pytest.mark.parametrize(
    ("path", "command"), [c[:2] for c in COMMANDS_BELOW], ids=[c[0] for c in COMMANDS_BELOW]
)


def calls(line: str) -> Iterator[list[str]]:
    """Give the ganplugin calls of one shell line, as argument lists without pipes, redirections and comments."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words = list(lexer)
    while words:
        end = next((i for i, word in enumerate(words) if set(word) <= set("|&;<>")), len(words))
        if words[0] == "ganplugin":
            yield words[1:end]
        words = words[end + 1 :]


def examples(text: str) -> list[list[str]]:
    """Return every ganplugin call of a text of shell lines."""
    lines = text.replace("\\\n", " ").splitlines()
    return [call for line in lines for call in calls(line.strip())]


def parse(arguments: list[str]) -> None:
    """Raise a usage error unless the command line takes these arguments; files need not exist, nothing is run."""
    command: click.Command = cli
    context = click.Context(cli, info_name="ganplugin")
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name, child, arguments = command.resolve_command(context, arguments)
        assert child is not None
        command, context = child, click.Context(child, info_name=name, parent=context)
    values, left, _ = command.make_parser(context).parse_args(list(arguments))
    if left:
        raise click.UsageError(f"unexpected: {left}")
    if {"--help", "--version"} & set(arguments):
        return
    for parameter in command.params:
        value = values.get(parameter.name)
        if value is None or parameter.value_is_missing(value):
            if parameter.required:
                raise click.MissingParameter(ctx=context, param=parameter)
        elif not isinstance(parameter.type, (click.Path, click.File)):
            parameter.type_cast_value(context, value)


@pytest.mark.parametrize("path", make_docs.pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_generated_page_is_fresh(path: Path):
    assert path.read_text(encoding="utf-8") == make_docs.pages()[path], "run `make docs`"


def test_every_command_and_node_has_its_section():
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    nodes = (ROOT / "docs" / "nodes.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"\n## ganplugin {name}\n" not in commands] == []
    assert [node.id for node in NODES if f"`{node.id}`" not in nodes] == []


@EACH_COMMAND
def test_every_command_explains_itself(path: str, command: click.Command):
    assert command.help, path
    assert "Examples:" in command.help, f"{path}: end its help with examples"
    silent = [option.name for option in command.params if isinstance(option, click.Option) and not option.help]
    assert silent == [], f"{path}: options without help"


@EACH_COMMAND
def test_the_examples_in_a_help_text_parse(path: str, command: click.Command):
    found = examples((command.help or "").partition("Examples:")[2])
    assert found, path
    for arguments in found:
        parse(arguments)


def test_the_table_of_commands_says_what_the_commands_say():
    context = click.Context(cli)
    commands = [cli.get_command(context, name) for name in COMMANDS]
    assert [command and command.get_short_help_str(limit=200) for command in commands] == list(COMMANDS.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_parse(page: Path):
    for block in CONSOLE.findall(page.read_text(encoding="utf-8")):
        for arguments in examples(block):
            try:
                parse(arguments)
            except click.UsageError as error:
                pytest.fail(f"{page.name}: ganplugin {shlex.join(arguments)}: {error.format_message()}")


def is_quick(arguments: list[str]) -> bool:
    model = next((word for word in arguments[1:] if not word.startswith("-")), "builtin:")
    return arguments[0] in QUICK and model.startswith("builtin:")


def quick_examples() -> list[list[str]]:
    blocks = [block for page in PAGES for block in CONSOLE.findall(page.read_text(encoding="utf-8"))]
    found = {tuple(arguments) for block in blocks for arguments in examples(block) if arguments}
    return [list(arguments) for arguments in sorted(found) if is_quick(list(arguments))]


@pytest.mark.parametrize("arguments", quick_examples(), ids=shlex.join)
def test_a_quick_example_of_a_page_runs(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for block in PYTHON.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, page.name, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_of_a_page_is_dead(page: Path):
    text = page.read_text(encoding="utf-8")
    targets = [first or second for first, second in LINK.findall(text)]
    local = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_make_targets_that_a_page_names_exist(page: Path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^\$? ?)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= targets


def test_the_checks_notice_a_wrong_example():
    with pytest.raises(click.UsageError):
        parse(["sampel", "builtin:x"])
    with pytest.raises(click.UsageError):
        parse(["sample", "builtin:x", "--sedes", "3"])
    with pytest.raises(click.UsageError):
        parse(["sample"])
    with pytest.raises(click.UsageError):
        parse(["sample", "builtin:x", "--truncation", "much"])
    assert examples("$ ganplugin sample a --out - > b.png  # c\nls | ganplugin style m -") == [
        ["sample", "a", "--out", "-"],
        ["style", "m", "-"],
    ]
