from __future__ import annotations

import json

import pytest

from ganplugin.errors import Cancelled, InputError
from ganplugin.nodes import NODES, Context, Images, JoinImages, LatentBatch, Node, Sample, node_registry
from ganplugin.nodes.context import SilentReporter
from ganplugin.nodes.graph import run_inputs, run_link
from ganplugin.nodes.values import Recipe
from tests.nodes.kit import load


def node(kind, **inputs):
    return {"class_type": f"GanPlugin{kind}", "inputs": inputs}


@pytest.fixture
def graph(models):
    return {
        "1": node("LoadModel", model=str(models / "full.onnx")),
        "2": node("Sample", model=["1", 0], seeds="3"),
        "3": node("JoinImages", a=["2", 0], b=["2", 0]),
    }


def test_a_graph_gives_what_the_nodes_give(graph, models, context):
    found = run_link(graph, ("3", 0), context)
    assert isinstance(found, Images)
    direct = Sample(model=load(models / "full.onnx"), seeds="3").run(context).images
    assert [picture.tobytes() for picture in found] == [direct[0].tobytes()] * 2
    latents = run_link(graph, ("2", 1), context)
    assert isinstance(latents, LatentBatch)
    assert latents.seeds == (3,)
    assert type(run_link(json.loads(json.dumps(graph)), ("3", 0), context)) is Images


def test_a_shared_node_runs_once(graph, context, monkeypatch):
    runs: list[str] = []
    run = Sample.run
    monkeypatch.setattr(Sample, "run", lambda self, context: (runs.append(self.seeds), run(self, context))[1])
    run_link(graph, ("3", 0), context)
    assert runs == ["3"]
    inputs = run_inputs(graph, "3", context)
    assert inputs["a"] is inputs["b"]
    assert runs == ["3", "3"]


def test_a_recipe_becomes_the_graph_that_made_it(graph, models, context):
    images = JoinImages(**run_inputs(graph, "3", context)).run(context).images
    made, link = images.recipe.graph()
    assert [entry["class_type"] for entry in made.values()] == [
        "GanPluginLoadModel",
        "GanPluginSample",
        "GanPluginJoinImages",
    ]
    assert made[str(link[0])]["inputs"] == {"a": ["2", 0], "b": ["2", 0]}
    assert made["1"]["inputs"] == {"model": "full.onnx"}
    assert Recipe("A", (("x", Recipe("B", output=1)), ("y", Recipe("B")))).graph()[0] == {
        "1": {"class_type": "B", "inputs": {}},
        "2": {"class_type": "A", "inputs": {"x": ["1", 1], "y": ["1", 0]}},
    }


@pytest.mark.parametrize(
    ("change", "link", "message"),
    [
        ({}, ("9", 0), "graph: there is no node '9'"),
        ({"2": node("Sample", model=["9", 0])}, ("3", 0), "there is no node '9'"),
        ({"2": node("Sample", model=["3", 0])}, ("3", 0), "3 > 2 > 3: the graph runs in a circle"),
        ({"2": node("Sample", model=["2", 0])}, ("2", 0), "2 > 2: the graph runs in a circle"),
        ({"2": node("Sampel", model=["1", 0])}, ("3", 0), "node 2: there is no node 'GanPluginSampel' - did you mean"),
        ({}, ("2", 2), "node 2: has no output 2 - it has 2"),
        ({}, ("2", -1), "node 2: has no output -1"),
        ({"3": node("JoinImages", a=["2", 7], b=["2", 0])}, ("3", 0), "node 2: has no output 7"),
        ({"3": node("JoinImages", a=["2"], b=["2", 0])}, ("3", 0), "node 3: ['2'] is not a link"),
        ({"3": node("JoinImages", a=[2, 0], b=["2", 0])}, ("3", 0), "node 3: [2, 0] is not a link"),
        ({"3": node("JoinImages", a=["2", "0"], b=["2", 0])}, ("3", 0), "node 3: ['2', '0'] is not a link"),
        ({"3": node("JoinImages", a=["2", 1], b=["2", 0])}, ("3", 0), "GanPluginJoinImages: a: input should be an"),
        ({"3": node("JoinImages", a=["2", 0])}, ("3", 0), "GanPluginJoinImages: b: field required"),
        ({"3": node("JoinImages", a=["2", 0], b=["2", 0], c=1)}, ("3", 0), "c: extra inputs are not permitted"),
        ({"3": {"inputs": {}}}, ("3", 0), "node 3: needs class_type and inputs"),
        ({"3": {"class_type": "GanPluginSample"}}, ("3", 0), "node 3: needs class_type and inputs"),
        ({"3": {"class_type": 3, "inputs": {}}}, ("3", 0), "node 3: needs class_type and inputs"),
    ],
)
def test_broken_graphs_are_refused_by_node(graph, context, change, link, message):
    with pytest.raises(InputError) as refused:
        run_link({**graph, **change}, link, context)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_graph_may_not_be_endlessly_deep(graph, context):
    for number in range(4, 500):
        graph[str(number)] = node("JoinImages", a=[str(number - 1), 0], b=["2", 0])
    with pytest.raises(InputError, match="more than 200 nodes deep"):
        run_link(graph, ("499", 0), context)
    assert getattr(run_link(graph, ("150", 0), context), "count", 0) == 149


def test_every_node_is_listed_once_under_its_id():
    registry = node_registry()
    assert list(registry) == list(NODES)
    assert all(registry[kind.id] is kind for kind in NODES)
    assert all(issubclass(kind, Node) for kind in NODES)
    with pytest.raises(NotImplementedError):
        Node().run(Context())


def test_tracking_reports_every_step_and_asks_before_each():
    steps: list[object] = []

    class Reporter(SilentReporter):
        def task(self, label, total):
            from contextlib import nullcontext

            steps.append((label, total))
            return nullcontext(steps.append)

    assert list(Context(reporter=Reporter()).track("abc", "Work", 3)) == ["a", "b", "c"]
    assert steps == [("Work", 3), 1, 2, 3]
    assert list(Context().track("ab", "Work", 2)) == ["a", "b"]
    answers = iter([False, True])
    seen: list[str] = []
    with pytest.raises(Cancelled):
        seen.extend(Context(cancelled=lambda: next(answers)).track("abc", "Work", 3))
    SilentReporter().message("x")
    SilentReporter().preview(None)
