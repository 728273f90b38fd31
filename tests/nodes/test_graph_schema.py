"""The schema says of a graph file what the check says, as far as a schema can: it knows no links between nodes."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.errors import InputError
from ganplugin.nodes import NODES
from ganplugin.nodes.catalogue import HEADLESS_NODES
from ganplugin.nodes.graph_checks import check_graph
from ganplugin.nodes.graph_schema import graph_schema
from ganplugin.nodes.ports import inputs_of, summary
from tests.nodes.kit import node
from tests.source import ROOT

SCHEMA = graph_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = sorted((ROOT / "nodes").glob("*/example_workflows/*.json"))

SOURCES = {
    "m": node("LoadModel", model="x"),
    "s": node("Sample", model=["m", 0]),
    "i": node("LoadImages", path="x"),
}
LINKS = {"MODEL": ["m", 0], "IMAGE": ["s", 0], "LATENT": ["s", 1], "MASK": ["i", 1]}
KINDS = [*NODES, *HEADLESS_NODES]


def by_check(graph) -> bool:
    try:
        check_graph(graph)
    except InputError:
        return False
    return True


def least(kind):
    """The least inputs that a node takes."""
    return {port.name: LINKS[port.type] if port.is_socket else "x" for port in inputs_of(kind) if port.required}


def test_the_schema_is_one_and_is_json():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_every_node_is_described_as_its_class_declares_it():
    described = {entry["properties"]["class_type"]["const"]: entry for entry in SCHEMA["additionalProperties"]["oneOf"]}
    assert list(described) == [kind.id for kind in KINDS]
    for kind in KINDS:
        entry = described[kind.id]
        assert (entry["title"], entry["description"]) == (kind.title, summary(kind))
        inputs = entry["properties"]["inputs"]
        assert list(inputs["properties"]) == list(kind.model_fields)
        for port in inputs_of(kind):
            field = inputs["properties"][port.name]
            assert port.help in field["description"]
            assert (port.name in inputs["required"]) == port.required
            if not (port.is_socket or port.required):
                assert field["default"] == port.default
                VALIDATOR.evolve(schema={**field, "$defs": SCHEMA["$defs"]}).validate(port.default)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_the_least_and_the_most_that_a_node_takes_are_valid(kind):
    whole = {port.name: LINKS[port.type] if port.is_socket else port.default for port in inputs_of(kind)}
    for inputs in (least(kind), {**whole, **least(kind)}):
        graph = {**SOURCES, "n": {"class_type": kind.id, "inputs": inputs, "_meta": {"title": "x"}}}
        assert by_check(graph)
        VALIDATOR.validate(graph)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.id)
def test_wrong_inputs_are_invalid_as_the_check_finds_them(kind):
    for port in inputs_of(kind):
        wrong: list = [[], {}, ["m"], ["m", 0, 0], [1, 0], 10**30, -(10**30), "\x00nonsense"]
        if not (port.is_socket and not port.required):
            wrong.append(None)
        if port.type == "TEXT":
            wrong.remove("\x00nonsense")
        if port.most is not None and port.least is not None:
            wrong += [port.most + 1, port.least - 1]
        for value in wrong:
            graph = {**SOURCES, "n": {"class_type": kind.id, "inputs": {**least(kind), port.name: value}}}
            assert not by_check(graph), (port.name, value)
            assert not VALIDATOR.is_valid(graph), (port.name, value)
    for name in least(kind):
        rest = {key: value for key, value in least(kind).items() if key != name}
        assert not VALIDATOR.is_valid({**SOURCES, "n": {"class_type": kind.id, "inputs": rest}})
    unknown = {**least(kind), "nonsense": 1}
    assert not VALIDATOR.is_valid({**SOURCES, "n": {"class_type": kind.id, "inputs": unknown}})


@pytest.mark.parametrize(
    "graph",
    [
        {},
        [],
        None,
        {"1": None},
        {"1": {"inputs": {}}},
        {"1": {"class_type": "KSampler", "inputs": {}}},
        {"1": {"class_type": "GanPluginLoadModel", "inputs": []}},
        {"1": {"class_type": "GanPluginLoadModel", "inputs": {"model": ""}}},
    ],
)
def test_what_is_no_graph_is_invalid(graph):
    assert not VALIDATOR.is_valid(graph)
    assert not by_check(graph)


VALUES = (
    st.none() | st.booleans() | st.integers(-3, 100) | st.floats(allow_nan=False) | st.text() | st.lists(st.just(0))
)


@given(st.data())
def test_schema_and_check_agree_on_any_plain_value(data):
    kind = data.draw(st.sampled_from(KINDS))
    port = data.draw(st.sampled_from(inputs_of(kind)))
    value = data.draw(VALUES | st.sampled_from(port.choices or ("x",)))
    graph = {**SOURCES, "n": {"class_type": kind.id, "inputs": {**least(kind), port.name: value}}}
    whole = isinstance(value, float) and value.is_integer() and port.type == "INT"  # 1.0 is an integer to a schema
    assert VALIDATOR.is_valid(graph) == by_check(graph) or whole


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_workflows_in_api_format_are_valid(path):
    graph = json.loads(path.read_text(encoding="utf-8"))
    if "nodes" in graph:
        pytest.skip("drawn for the window; the test of its host exports and runs it")
    VALIDATOR.validate(graph)
    assert by_check(graph)
