"""Everything that is wrong with a graph is said at once, by node and field, before anything runs."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ganplugin.errors import GanPluginError, InputError
from ganplugin.nodes import NODES
from ganplugin.nodes.catalogue import HEADLESS_NODES
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.graph_checks import GraphError, Link, Problem, as_link, check_graph
from tests.nodes.kit import node

SOUND = {
    "1": node("LoadModel", model="full.onnx"),
    "2": node("Sample", model=["1", 0], seeds="3"),
    "3": node("JoinImages", a=["2", 0], b=["2", 0]),
    "4": node("SaveImages", images=["3", 0]),
}


def problems(prompt) -> list[str]:
    with pytest.raises(GraphError) as refused:
        check_graph(prompt)
    return [str(problem) for problem in refused.value.problems]


def test_a_sound_graph_gives_its_calls_in_order():
    calls = check_graph(dict(reversed(SOUND.items())))
    assert list(calls) == ["1", "2", "3", "4"]
    assert calls["2"].values == {"seeds": "3"}
    assert calls["2"].links == {"model": Link("1", 0)}
    assert calls["2"].place == "2 (GanPluginSample)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"2": node("Sampel", model=["1", 0])},
            "node 2, class_type: there is no node 'GanPluginSampel' - did you mean 'GanPluginSample'?",
        ),
        (
            {"2": {"class_type": "VAEDecode", "inputs": {}}},
            "node 2, class_type: there is no node 'VAEDecode' - known: ",
        ),
        ({"2": {"inputs": {}}}, "node 2: needs class_type and inputs - export the graph in API format"),
        ({"2": {"class_type": 3, "inputs": {}}}, "node 2: needs class_type and inputs"),
        ({"2": ["GanPluginSample"]}, "node 2: needs class_type and inputs"),
        ({"2": None}, "node 2: needs class_type and inputs"),
        ({"2": {"class_type": "GanPluginSample", "inputs": [1]}}, "node 2, inputs: is not a table of inputs"),
        (
            {"2": {"class_type": "GanPluginSample"}},
            "node 2 (GanPluginSample), model: is missing - give a link to an output of type MODEL",
        ),
        (
            {"1": node("LoadModel")},
            "node 1 (GanPluginLoadModel), model: is missing - give a text",
        ),
        (
            {"2": node("Sample", model=["1", 0], sedes="3")},
            "node 2 (GanPluginSample), sedes: is no input of it - did you mean 'seeds'?",
        ),
        (
            {"2": node("Sample", model=["1", 0], sedes=["1", 0])},
            "node 2 (GanPluginSample), sedes: is no input of it - did you mean 'seeds'?",
        ),
        ({"2": node("Sample", model=["1", 0], seeds=3)}, "node 2 (GanPluginSample), seeds: 3 is not a text"),
        (
            {"1": node("LoadModel", model="")},
            "node 1 (GanPluginLoadModel), model: is empty",
        ),
        (
            {"2": node("Sample", model=["1", 0], truncation=2.5)},
            "node 2 (GanPluginSample), truncation: 2.5 is not a number, -2 to 2",
        ),
        (
            {"2": node("Sample", model=["1", 0], truncation=10**400)},
            "is not a number, -2 to 2",
        ),
        (
            {"2": node("Sample", model=["1", 0], truncation="1")},
            "node 2 (GanPluginSample), truncation: '1' is not a number, -2 to 2",
        ),
        (
            {"2": node("Sample", model=["1", 0], truncation=True)},
            "node 2 (GanPluginSample), truncation: True is not a number, -2 to 2",
        ),
        (
            {"2": node("Sample", model=["1", 0], truncation_cutoff=1.0)},
            "node 2 (GanPluginSample), truncation_cutoff: 1.0 is not a whole number, 0 to 64",
        ),
        (
            {"2": node("Sample", model=["1", 0], seed=-1)},
            "node 2 (GanPluginSample), seed: -1 is not a whole number, 0 to 4294967295",
        ),
        (
            {"2": node("Sample", model=["1", 0], seed=None)},
            "node 2 (GanPluginSample), seed: None is not a whole number, 0 to 4294967295",
        ),
        (
            {"2": node("Sample", model=["1", 0], noise="constnat")},
            "noise: 'constnat' is not one of constant, none, seeded - did you mean 'constant'?",
        ),
        ({"2": node("Sample", model=["1", 0], noise=[])}, "noise: [] is not one of constant, none, seeded"),
        (
            {"4": node("SaveImages", images=["3", 0], overwrite=1)},
            "node 4 (GanPluginSaveImages), overwrite: 1 is not true or false",
        ),
        (
            {"2": node("Sample", model="full.onnx")},
            "model: 'full.onnx' is a value, but a link is needed - give a link to an output of type MODEL",
        ),
        ({"2": node("Sample", model=None)}, "node 2 (GanPluginSample), model: None is a value, but a link is needed"),
        ({"3": node("JoinImages", a=["2"], b=["2", 0])}, "a: ['2'] is not a link - links look like [\"1\", 0]"),
        ({"3": node("JoinImages", a=[2, 0], b=["2", 0])}, "a: [2, 0] is not a link"),
        ({"3": node("JoinImages", a=["2", "0"], b=["2", 0])}, "a: ['2', '0'] is not a link"),
        ({"3": node("JoinImages", a=["2", True], b=["2", 0])}, "a: ['2', True] is not a link"),
        (
            {"3": node("JoinImages", a=["22", 0], b=["2", 0])},
            "node 3 (GanPluginJoinImages), a: there is no node '22' - did you mean '2'?",
        ),
        (
            {"3": node("JoinImages", a=["2", 1], b=["2", 0])},
            "a: output 1 of node 2 is LATENT, not IMAGE - output 0 (images) of it is one",
        ),
        (
            {"3": node("JoinImages", a=["1", 0], b=["2", 0])},
            "a: output 0 of node 1 is MODEL, not IMAGE - give a link to an output of type IMAGE",
        ),
        (
            {"3": node("JoinImages", a=["2", 2], b=["2", 0])},
            "a: node 2 has no output 2 - its outputs: 0 (images), 1 (latents)",
        ),
        ({"3": node("JoinImages", a=["2", -1], b=["2", 0])}, "a: node 2 has no output -1"),
        (
            {"2": node("Sample", model=["1", 0], truncation=["3", 0])},
            "truncation: output 0 of node 3 is IMAGE, not FLOAT - give a number, -2 to 2",
        ),
    ],
)
def test_what_is_wrong_is_named_by_node_and_field(change, message):
    found = problems({**SOUND, **change})
    assert any(message in line for line in found), found
    assert all("\n" not in line for line in found)


@pytest.mark.parametrize("prompt", [{}, [], None, 3, "x"])
def test_what_is_no_graph_is_refused(prompt):
    assert problems(prompt) == ["graph: holds no nodes - export the graph in API format"]


def test_every_problem_is_listed_those_of_a_node_together():
    found = problems(
        {
            "1": node("LoadModle", model="x"),
            "2": node("Sample", model=["9", 0], truncation=9, x=1),
            "3": node("SaveImages", images=["2", 1]),
            "4": node("SaveVideo", fps=0.5),
        }
    )
    assert [line.partition(":")[0] for line in found] == [
        "node 1, class_type",
        "node 2 (GanPluginSample), model",
        "node 2 (GanPluginSample), truncation",
        "node 2 (GanPluginSample), x",
        "node 3 (GanPluginSaveImages), images",
        "node 4 (GanPluginSaveVideo), images",
        "node 4 (GanPluginSaveVideo), fps",
    ]


def test_the_error_says_the_first_problem_and_how_many_more_there_are():
    with pytest.raises(InputError) as refused:
        check_graph({"1": node("SaveVideo", fps=0.5)})
    assert str(refused.value) == (
        "node 1 (GanPluginSaveVideo), images: is missing (and 1 more) - give a link to an output of type IMAGE"
    )


@pytest.mark.parametrize(
    ("change", "circle"),
    [
        ({"2": node("JoinImages", a=["3", 0], b=["3", 0])}, "2 > 3 > 2"),
        ({"3": node("JoinImages", a=["3", 0], b=["2", 0])}, "3 > 3"),
    ],
)
def test_circles_are_named(change, circle):
    (line,) = problems({**SOUND, **change})
    assert line == f"node {circle[0]}: the graph runs in a circle: {circle} - cut one of the links"


def test_a_circle_is_listed_beside_other_problems():
    found = problems({**SOUND, "2": node("JoinImages", a=["3", 0], b=["9", 0])})
    assert len(found) == 2
    assert "there is no node '9'" in found[0]
    assert "runs in a circle" in found[1]


def chain(length):
    return {
        **SOUND,
        **{str(n): node("JoinImages", a=[str(n - 1), 0], b=["2", 0]) for n in range(4, length + 1)},
    }


def test_a_graph_may_not_be_endlessly_deep():
    assert len(check_graph(chain(100))) == 100
    (line,) = problems(chain(101))
    assert line == "node 101 (GanPluginJoinImages): the graph is more than 100 nodes deep"
    assert "more than 100 nodes deep" in problems(chain(3000))[0]


def test_a_whole_number_for_a_number_is_a_float_once_it_is_checked():
    calls = check_graph({**SOUND, "2": node("Sample", model=["1", 0], truncation=1, truncation_cutoff=1)})
    assert repr(dict(calls["2"].values)) == "{'truncation': 1.0, 'truncation_cutoff': 1}"


def test_optional_links_may_be_null():
    calls = check_graph({**SOUND, "2": node("Sample", model=["1", 0], latents=None)})
    assert calls["2"].values == {"latents": None}


def test_texts_may_go_into_a_text():
    calls = check_graph({**SOUND, "5": node("LoadImages", path=["4", 0])})
    assert calls["5"].links == {"path": Link("4", 0)}


def test_long_and_deep_values_are_cut_short():
    deep: list = []
    for _ in range(500):
        deep = [deep]
    for value in (deep, ["x"] * 10_000, "x" * 10_000, 10**1000, {"a": "x" * 1000}):
        (line,) = problems({**SOUND, "2": node("Sample", model=["1", 0], truncation=value)})
        assert len(line) < 400


def test_what_a_stranger_wrote_in_a_graph_gives_the_terminal_no_commands():
    (line,) = problems({**SOUND, "9\x1b[2J\n\ud800": {"class_type": "x\x07"}})
    assert line.isprintable()
    assert str(Problem("\x1b", "\n", "\x07")).isprintable()


@pytest.mark.parametrize("value", [["1", 0], ("1", 7), ["", -1]])
def test_links(value):
    assert as_link(value) == Link(*value)


@pytest.mark.parametrize("value", [None, "1", ["1"], ["1", 0, 0], [1, 0], ["1", 0.0], ["1", False], {"1": 0}, []])
def test_what_is_no_link(value):
    assert as_link(value) is None


KINDS = [kind.id for kind in (*NODES, *HEADLESS_NODES)]
FIELDS = sorted({name for kind in (*NODES, *HEADLESS_NODES) for name in kind.model_fields})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1", "a", "cpu"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
LINKS = st.tuples(st.sampled_from("123"), st.integers(-1, 2)).map(list)
NODE = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from(KINDS) | VALUES,
        "inputs": st.dictionaries(st.sampled_from(FIELDS) | st.text(), LINKS | VALUES, max_size=5) | VALUES,
    }
)
PROMPTS = st.dictionaries(st.sampled_from("123") | st.text(), NODE | VALUES, max_size=4) | VALUES


@given(PROMPTS)
@example({"1": {"class_type": "GanPluginLoadModel", "inputs": {"model": "\ud800"}}})
@example({"1": {"class_type": [], "inputs": {}}})
def test_any_value_is_a_graph_or_one_error_of_ours(prompt):
    try:
        graph = Graph.parse(prompt)
    except GanPluginError as error:
        assert isinstance(error, GraphError)
        assert str(error).isprintable()
        assert all(str(problem).isprintable() for problem in error.problems)
        return
    assert set(graph.calls) == set(prompt)
    json.dumps(graph.prompt)


@given(st.permutations(list(SOUND)))
def test_the_order_in_which_nodes_are_written_does_not_matter(order):
    assert check_graph({node_id: SOUND[node_id] for node_id in order}) == check_graph(SOUND)
