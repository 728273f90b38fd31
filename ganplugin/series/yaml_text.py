"""YAML as YAML 1.2 means it: no words that turn into switches, no key twice, no bombs, and a line for every value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ganplugin.errors import InputError

if TYPE_CHECKING:
    import yaml

__all__ = ["Place", "YamlText", "parse_yaml"]

Place = tuple[str | int, ...]
"""Where a value stands: the keys and numbers that lead to it."""

_MOST_VALUES: Final = 1_000_000
_DEEPEST: Final = 50
_FIX: Final = "indent with spaces, and put a text that holds : or # in quotes"


@dataclass(frozen=True)
class YamlText:
    """What a YAML text says, and the line, from 1, on which each value stands."""

    value: Any
    lines: Mapping[Place, int] = field(repr=False)

    def line(self, place: Place) -> int | None:
        """Return the line of a value, or of the nearest one around it that is written."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)


def parse_yaml(text: str, where: object) -> YamlText:
    """Read one YAML document. Raises `InputError` naming ``where`` and the line for all that is not plain data."""
    import yaml

    try:
        loader = _loader_class()(text)
        node = loader.get_single_node()
        reading = _Reading(loader, where)
        return YamlText(None if node is None else reading.value(node, ()), reading.lines)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f" (line {error.problem_mark.line + 1})"
        raise InputError(f"is no YAML: {error.problem}{line}", where=where, fix=_FIX) from error
    except yaml.YAMLError as error:
        raise InputError(f"is no YAML: {' '.join(str(error).split())[:120]}", where=where, fix=_FIX) from error
    except RecursionError as error:
        raise InputError("is nested too deeply", where=where) from error


@cache
def _loader_class() -> type[yaml.SafeLoader]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Knows the scalars of YAML 1.2's core schema: ``on`` and ``12:30`` are texts, and so is ``007``."""

        yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML has it

    scalars = {
        "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        "int": (r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
        "float": (r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
        "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    }
    for kind, (pattern, first) in scalars.items():
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(pattern), list(first))
    return Loader


class _Reading:
    """Turns the nodes of one text into plain values, counting them: an alias counts as all that it stands for."""

    def __init__(self, loader: yaml.SafeLoader, where: object) -> None:
        self._loader = loader
        self._where = where
        self._count = 0
        self.lines: dict[Place, int] = {}

    def value(self, node: yaml.Node, place: Place) -> object:
        import yaml

        self._count += 1
        if self._count > _MOST_VALUES or len(place) > _DEEPEST:
            raise InputError("holds too much, or goes too deep", where=self._where, fix="write it without aliases")
        self.lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, number)) for number, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in found:
                self._refuse(f"{key!r} is there twice", key_node)
            found[key] = self.value(value_node, (*place, key))
        return found

    def _scalar(self, node: yaml.Node) -> object:
        import yaml

        try:
            return self._loader.construct_object(node)
        except (yaml.constructor.ConstructorError, ValueError, OverflowError):
            self._refuse("is not plain text, a number or true/false", node)

    def _refuse(self, what: str, node: yaml.Node) -> NoReturn:
        raise InputError(f"{what} (line {node.start_mark.line + 1})", where=self._where, fix=_FIX)
