"""A graph checked whole before anything is computed, with every problem said in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node
from ganplugin.nodes.catalogue import node_registry
from ganplugin.nodes.ports import Port, allowed_values, inputs_of, outputs_of, port_named
from ganplugin.registry import did_you_mean

_DEEPEST = 200

__all__ = ["Call", "GraphError", "Link", "Problem", "check_graph"]


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


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a graph: in which node and field, what, and what to do."""

    node: str
    field: str
    what: str
    fix: str | None = None

    def __str__(self) -> str:
        place = ", ".join(part for part in (f"node {self.node}" if self.node else "graph", self.field) if part)
        return f"{place}: {self.what}" + (f" - {self.fix}" if self.fix else "")


class GraphError(InputError):
    """A graph cannot run; ``problems`` says everything that is wrong, and the message the first of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        place = ", ".join(part for part in (f"node {first.node}" if first.node else "graph", first.field) if part)
        super().__init__(first.what + more, where=place, fix=first.fix)


def check_graph(prompt: Mapping[str, Any]) -> dict[str, Call]:
    """Return the calls of a graph, each after those that it needs. Raises `GraphError` with all that is wrong."""
    problems: list[Problem] = []
    calls: dict[str, Call] = {}
    for node_id, node in prompt.items():
        call = _call(str(node_id), node, problems)
        if call is not None:
            calls[call.id] = call
    for call in calls.values():
        problems += _link_problems(call, calls, prompt)
    if not problems:
        return _sorted(calls)
    raise GraphError(tuple(problems))


def _call(node_id: str, node: object, problems: list[Problem]) -> Call | None:
    if not isinstance(node, Mapping) or not isinstance(node.get("class_type"), str):
        problems.append(Problem(node_id, "", "needs class_type and inputs", "export the graph in API format"))
        return None
    given = node.get("inputs", {})
    if not isinstance(given, Mapping):
        problems.append(Problem(node_id, "inputs", "is not a table of inputs", "export the graph in API format"))
        return None
    kind = _kind(node_id, node["class_type"], problems)
    if kind is None:
        return None
    found = list(_input_problems(node_id, kind, given))
    problems += found
    links = {name: link for name, value in given.items() if (link := as_link(value)) is not None}
    values = {name: value for name, value in given.items() if name not in links}
    return Call(node_id, kind, values, links)


def _kind(node_id: str, class_type: str, problems: list[Problem]) -> type[Node] | None:
    try:
        return node_registry()[class_type]
    except InputError as error:
        problems.append(Problem(node_id, "class_type", error.what, error.fix))
        return None


def as_link(value: object) -> Link | None:
    """Return a value as a link if it is one: a pair of node id and output number."""
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    if not pair or not isinstance(value, (list, tuple)):
        return None
    node, output = value
    right = isinstance(node, str) and isinstance(output, int) and not isinstance(output, bool)
    return Link(node, output) if right else None


def _input_problems(node_id: str, kind: type[Node], given: Mapping[str, object]) -> Iterator[Problem]:
    place = f"{node_id} ({kind.id})"
    ports = inputs_of(kind)
    for port in ports:
        if port.required and port.name not in given:
            yield Problem(place, port.name, "is missing", f"give {allowed_values(port)}")
    for name, value in given.items():
        known = port_named(ports, name)
        if known is None:
            yield Problem(place, name, "is no input of it", did_you_mean(name, [port.name for port in ports]))
        elif as_link(value) is None:
            yield from _value_problems(place, kind, known, value)


def _value_problems(place: str, kind: type[Node], port: Port, value: object) -> Iterator[Problem]:
    if port.is_socket:
        if isinstance(value, (list, tuple)):
            yield Problem(place, port.name, f"{value!r} is not a link", 'links look like ["1", 0]')
        elif value is not None or port.required:
            yield Problem(place, port.name, f"{value!r} is a value, but a link is needed", allowed_values(port))
        return
    try:
        _adapter(kind, port.name).validate_python(value, strict=True)
    except ValidationError:
        fix = None
        if port.type == "CHOICE" and isinstance(value, str):
            fix = did_you_mean(value, port.choices)
        yield Problem(place, port.name, f"{value!r} is not {allowed_values(port)}", fix)


@cache
def _adapter(kind: type[Node], name: str) -> TypeAdapter[Any]:
    field = kind.model_fields[name]
    annotation: Any = field.annotation
    for rule in field.metadata:
        annotation = Annotated[annotation, rule]
    return TypeAdapter(annotation, config=ConfigDict(allow_inf_nan=False))


def _link_problems(call: Call, calls: Mapping[str, Call], prompt: Mapping[str, Any]) -> Iterator[Problem]:
    place = f"{call.id} ({call.kind.id})"
    for name, link in call.links.items():
        port = port_named(inputs_of(call.kind), name)
        if port is None:
            continue
        if link.node not in prompt:
            yield Problem(place, name, f"there is no node {link.node!r}", did_you_mean(link.node, list(prompt)))
        elif link.node in calls:
            yield from _type_problems(place, port, link, calls[link.node].kind)


def _type_problems(place: str, port: Port, link: Link, source: type[Node]) -> Iterator[Problem]:
    outputs = outputs_of(source)
    if not 0 <= link.output < len(outputs):
        offered = ", ".join(f"{number} {output.name}" for number, output in enumerate(outputs)) or "none"
        yield Problem(place, port.name, f"node {link.node} has no output {link.output}", f"its outputs: {offered}")
        return
    given = outputs[link.output]
    if given.type != port.type and (given.type, port.type) != ("TEXTS", "TEXT"):
        fitting = [f"{number} ({output.name})" for number, output in enumerate(outputs) if output.type == port.type]
        fix = f"output {fitting[0]} of it is one" if fitting else f"link it to {allowed_values(port)}"
        what = f"output {link.output} of node {link.node} is {given.type}, not {port.type}"
        yield Problem(place, port.name, what, fix)


def _sorted(calls: Mapping[str, Call]) -> dict[str, Call]:
    """Return the calls so that each comes after those that it needs; those that need none come first."""
    needs = {call.id: {link.node for link in call.links.values()} for call in calls.values()}
    done: dict[str, Call] = {}
    levels = 0
    while len(done) < len(calls):
        levels += 1
        free = [node_id for node_id, others in needs.items() if node_id not in done and others <= done.keys()]
        if not free:
            raise GraphError((_circle(needs, done),))
        if levels > _DEEPEST:  # rendering goes from node to node, and Python's own depth is bounded
            raise GraphError((Problem(free[0], "", f"the graph is more than {_DEEPEST} nodes deep"),))
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
