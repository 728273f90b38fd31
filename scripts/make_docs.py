"""Write the pages of docs/ that list commands, nodes and families, and what ComfyUI shows of the nodes, from the code.

With --check only compare; tests/test_docs.py fails while a page differs from what this makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import comfyui_words
import invokeai_workflows

from ganplugin.cli import cli
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Family
from ganplugin.models.setting import Setting
from ganplugin.nodes import NODES, Node
from ganplugin.nodes.ports import SOCKETS, Port, inputs_of, outputs_of, summary

__all__ = ["commands", "main", "pages"]

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100
MADE = "<!-- Made by scripts/make_docs.py: change the code, then run `make docs`. -->\n"
COMMANDS_INTRO = """# Commands

Every command, as `--help` shows it. `MODEL` is a path or `builtin:NAME`; `ganplugin models` lists the names.
Errors are one line on standard error; `ganplugin.errors` lists the exit codes.
"""
NODES_INTRO = """# Nodes

Every node, as its class declares it. Ids and input names never change; inputs are only ever appended.
An input of type {sockets} takes a link from another node, any other input a value.
"""
FAMILIES_INTRO = """# Names of families, and their settings

`ganplugin export --family NAME` says what a file is where it could be more than one thing; `--set SETTING=VALUE` gives
what its tensors do not tell. [families.md](families.md) says how each is recognised, what it covers, and where a chain
of layers (`dcgan`, `mlp-gan`) has another default for what its names and kernels show.
"""
KINDS = {bool: "yes or no", int: "whole number", float: "number", str: "text"}
NODE_KINDS = {
    "BOOL": "yes or no",
    "INT": "whole number",
    "FLOAT": "number",
    "TEXT": "text",
    "TEXTS": "list of texts",
    "FLOATS": "list of numbers",
}


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Give every command, groups before what they hold, with the words that call it and a context for its help."""
    yield from _below(cli, _context(cli, "ganplugin", None))


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    context.help_option_names = cli.context_settings["help_option_names"]
    return context


def _below(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    yield context.command_path, command, context
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from _below(child, _context(child, name, context))


def commands_page() -> str:
    """Return docs/commands.md."""
    parts = [MADE, COMMANDS_INTRO]
    for path, command, context in commands():
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"## {path}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def nodes_page() -> str:
    """Return docs/nodes.md."""
    parts = [MADE, NODES_INTRO.format(sockets=", ".join(sorted(SOCKETS.values())))]
    return "\n".join([*parts, *(_node_section(node) for node in NODES)])


def _node_section(node: type[Node]) -> str:
    inputs = "\n".join(_input_row(port) for port in inputs_of(node))
    outputs = "\n".join(f"| `{port.name}` | {_type(port)} | {_meaning(port)} |" for port in outputs_of(node))
    return (
        f"## {node.title}\n\n`{node.id}`, version {node.version}. {summary(node)}\n\n"
        f"| input | type | default | meaning |\n| --- | --- | --- | --- |\n{inputs}\n\n"
        f"| output | type | meaning |\n| --- | --- | --- |\n{outputs}\n"
    )


def families_page() -> str:
    """Return docs/settings.md."""
    return "\n".join([MADE, FAMILIES_INTRO, *(_family_section(family) for family in FAMILIES)])


def _family_section(family: Family) -> str:
    settings = "\n".join(_setting_row(setting) for setting in family.settings)
    table = f"\n| setting | meaning | values | default |\n| --- | --- | --- | --- |\n{settings}\n" if settings else ""
    licence = family.licence.rstrip(".")
    return f"## {family.id}\n\n{family.title}; kind `{family.kind}`. Rights: {licence}.\n{table}"


def _setting_row(setting: Setting) -> str:
    empty = setting.default == "" or (setting.default == 0 and not isinstance(setting.default, bool))
    default = "from the file" if empty else f"`{_value(setting.default)}`"
    return f"| `{setting.name}` | {setting.title} | {_values(setting)} | {default} |"


def _values(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    low, high = (None if abs(bound) == float("inf") else bound for bound in (setting.least, setting.most))
    return KINDS[type(setting.default)] + _span(low, high)


def _input_row(port: Port) -> str:
    if port.required:
        default = "required"
    elif port.default in (None, ""):
        default = "none"
    else:
        default = f"`{_value(port.default)}`"
    return f"| `{port.name}` | {_type(port)} | {default} | {_meaning(port)} |"


def _meaning(port: Port) -> str:
    return _one_line(port.help).replace("|", chr(92) + "|")


def _type(port: Port) -> str:
    if port.type == "CHOICE":
        return "one of " + ", ".join(f"`{choice}`" for choice in port.choices)
    return NODE_KINDS.get(port.type, port.type) + _span(port.least, port.most)


def _span(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f", {_value(low)} or more"
    return f", {_value(low)} to {_value(high)}" if low is not None else f", at most {_value(high)}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def pages() -> dict[Path, str]:
    """Return the generated pages: path to text."""
    made = {"commands.md": commands_page, "nodes.md": nodes_page, "settings.md": families_page}
    here = {ROOT / "docs" / name: make() for name, make in made.items()}
    return {**here, **comfyui_words.pages(), **invokeai_workflows.pages()}


def main() -> None:
    """Write the pages, or with --check name the stale ones and exit with 1."""
    fresh = pages()
    stale = [path for path, text in fresh.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        sys.exit(f"stale, run `make docs`: {', '.join(str(path.relative_to(ROOT)) for path in stale)}" if stale else 0)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fresh[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
