"""A graph checked whole before anything is computed, with every problem said in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from reprlib import Repr
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node
from ganplugin.nodes.catalogue import node_registry
from ganplugin.nodes.ports import Port, allowed_values, inputs_of, outputs_of, port_named
from ganplugin.registry import did_you_mean

_DEEPEST = 100
_EXPORT = "export the graph in API format"

__all__ = ["Call", "GraphError", "Link", "Problem", "changed_call", "check_graph"]


class Link(NamedTuple):
    """Where an input comes from: a node's id and the number of its output."""

    node: str
    output: int


@dataclass(frozen=True)
class Call:
    """One node of a graph: what it is, its plain inputs, and the links of the others."""

    id: str
    kind: type[Node]
    values: Mapping[str, Any]
    links: Mapping[str, Link]

    @property
    def place(self) -> str:
        """How errors call it: its id, and what it is."""
        return f"{self.id} ({self.kind.id})"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a graph: in which node and field, what, and what to do."""

    node: str
    field: str
    what: str
    fix: str | None = None

    @property
    def where(self) -> str:
        """The node and the field, or the graph as a whole."""
        return ", ".join(part for part in (f"node {self.node}" if self.node else "graph", self.field) if part)

    def __str__(self) -> str:
        return str(InputError(self.what, where=self.where, fix=self.fix))


class GraphError(InputError):
    """A graph cannot run; ``problems`` says everything that is wrong, and the message the first of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(first.what + more, where=first.where, fix=first.fix)


def check_graph(prompt: Mapping[str, Any]) -> dict[str, Call]:
    """Return the calls of a graph, each after those that it needs. Raises `GraphError` with all that is wrong."""
    if not isinstance(prompt, Mapping) or not prompt:
        raise GraphError((Problem("", "", "holds no nodes", _EXPORT),))
    problems: list[Problem] = []
    calls: dict[str, Call] = {}
    for node_id, node in prompt.items():
        call = _call(str(node_id), node, problems)
        if call is not None:
            calls[call.id] = call
    ids = {str(node_id): node for node_id, node in prompt.items()}
    for call in calls.values():
        problems += _input_problems(call, calls, ids)
    ordered = _sorted(calls, problems)
    if problems:
        raise GraphError(tuple(problems))
    return {node_id: _with_floats(call) for node_id, call in ordered.items()}


def changed_call(call: Call, values: Mapping[str, Any]) -> Call:
    """Return a call with plain values in place of what these inputs had. Raises `GraphError` for what does not fit."""
    ports = inputs_of(call.kind)
    links = {name: link for name, link in call.links.items() if name not in values}
    now = replace(call, values={**call.values, **values}, links=links)
    problems: list[Problem] = []
    for name in values:
        port = port_named(ports, name)
        if port is None:
            fix = did_you_mean(name, [port.name for port in ports])
            problems.append(Problem(call.place, name, "is no input of it", fix))
        else:
            problems += _value_problems(now, port)
    if problems:
        raise GraphError(tuple(problems))
    return _with_floats(now)


def _call(node_id: str, node: object, problems: list[Problem]) -> Call | None:
    if not isinstance(node, Mapping) or not isinstance(node.get("class_type"), str):
        problems.append(Problem(node_id, "", "needs class_type and inputs", _EXPORT))
        return None
    given = node.get("inputs", {})
    if not isinstance(given, Mapping):
        problems.append(Problem(node_id, "inputs", "is not a table of inputs", _EXPORT))
        return None
    try:
        kind = node_registry()[node["class_type"]]
    except InputError as error:
        problems.append(Problem(node_id, "class_type", error.what, error.fix))
        return None
    links = {name: link for name, value in given.items() if (link := as_link(value)) is not None}
    return Call(node_id, kind, {name: value for name, value in given.items() if name not in links}, links)


def _with_floats(call: Call) -> Call:
    """Return a call that was found sound with whole numbers as floats where its node has floats."""
    numbers = {port.name for port in inputs_of(call.kind) if port.type == "FLOAT"}
    values = {name: float(value) if name in numbers else value for name, value in call.values.items()}
    return replace(call, values=values)


def as_link(value: object) -> Link | None:
    """Return a value as a link if it is one: a pair of node id and output number."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return None
    node, output = value
    right = isinstance(node, str) and isinstance(output, int) and not isinstance(output, bool)
    return Link(node, output) if right else None


def _input_problems(call: Call, calls: Mapping[str, Call], ids: Mapping[str, object]) -> Iterator[Problem]:
    ports = inputs_of(call.kind)
    for port in ports:
        if port.name in call.links:
            yield from _link_problems(call, port, calls, ids)
        elif port.name in call.values:
            yield from _value_problems(call, port)
        elif port.required:
            yield Problem(call.place, port.name, "is missing", f"give {allowed_values(port)}")
    for name in (*call.values, *call.links):
        if port_named(ports, name) is None:
            yield Problem(call.place, name, "is no input of it", did_you_mean(name, [port.name for port in ports]))


def _value_problems(call: Call, port: Port) -> Iterator[Problem]:
    value = call.values[port.name]
    if port.is_socket:
        if isinstance(value, (list, tuple)):
            yield Problem(call.place, port.name, f"{_shown(value)} is not a link", 'links look like ["1", 0]')
        elif value is not None or port.required:
            fix = f"give {allowed_values(port)}"
            yield Problem(call.place, port.name, f"{_shown(value)} is a value, but a link is needed", fix)
        return
    try:
        _adapter(call.kind, port.name).validate_python(value, strict=True)
    except ValidationError:
        near = did_you_mean(value, port.choices) if port.type == "CHOICE" and isinstance(value, str) else None
        empty = value == "" and not port.may_be_empty
        what = "is empty" if empty else f"{_shown(value)} is not {allowed_values(port)}"
        yield Problem(call.place, port.name, what, near)


def _shown(value: object) -> str:
    """Return a value as Python writes it, cut short where it is long or deep."""
    brief = Repr()
    brief.maxstring = brief.maxlong = brief.maxother = 60
    return brief.repr(value)


@cache
def _adapter(kind: type[Node], name: str) -> TypeAdapter[Any]:
    field = kind.model_fields[name]
    annotation: Any = field.annotation
    for rule in field.metadata:
        annotation = Annotated[annotation, rule]
    return TypeAdapter(annotation, config=ConfigDict(allow_inf_nan=False))


def _link_problems(call: Call, port: Port, calls: Mapping[str, Call], ids: Mapping[str, object]) -> Iterator[Problem]:
    link = call.links[port.name]
    if link.node not in ids:
        yield Problem(call.place, port.name, f"there is no node {link.node!r}", did_you_mean(link.node, ids))
    elif link.node in calls:
        yield from _type_problems(call.place, port, link, outputs_of(calls[link.node].kind))


def _type_problems(place: str, port: Port, link: Link, outputs: tuple[Port, ...]) -> Iterator[Problem]:
    if not 0 <= link.output < len(outputs):
        offered = ", ".join(f"{number} ({output.name})" for number, output in enumerate(outputs))
        yield Problem(place, port.name, f"node {link.node} has no output {link.output}", f"its outputs: {offered}")
        return
    given = outputs[link.output]
    if given.type != port.type and (given.type, port.type) != ("TEXTS", "TEXT"):
        fitting = [f"{number} ({output.name})" for number, output in enumerate(outputs) if output.type == port.type]
        fix = f"output {fitting[0]} of it is one" if fitting else f"give {allowed_values(port)}"
        what = f"output {link.output} of node {link.node} is {given.type}, not {port.type}"
        yield Problem(place, port.name, what, fix)


def _sorted(calls: Mapping[str, Call], problems: list[Problem]) -> dict[str, Call]:
    """Return the calls so that each comes after those that it needs; those that need none come first."""
    needs = {call.id: {link.node for link in call.links.values() if link.node in calls} for call in calls.values()}
    done: dict[str, Call] = {}
    levels = 0
    while len(done) < len(calls):
        levels += 1
        free = [node_id for node_id, others in needs.items() if node_id not in done and others <= done.keys()]
        if not free:
            problems.append(_circle(needs, done))
            break
        if levels > _DEEPEST:  # rendering goes from node to node, and Python's own depth is bounded
            problems.append(Problem(calls[free[0]].place, "", f"the graph is more than {_DEEPEST} nodes deep"))
            break
        done.update((node_id, calls[node_id]) for node_id in free)
    return done


def _circle(needs: Mapping[str, set[str]], done: Mapping[str, Call]) -> Problem:
    path = [next(node_id for node_id in needs if node_id not in done)]
    while True:
        following = min(node for node in needs[path[-1]] if node not in done)
        if following in path:
            circle = [*path[path.index(following) :], following]
            return Problem(following, "", f"the graph runs in a circle: {' > '.join(circle)}", "cut one of the links")
        path.append(following)
