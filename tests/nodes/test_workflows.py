"""ComfyUI's drawings, read as graphs and drawn from graphs."""

from __future__ import annotations

import json

import pytest

from ganplugin.errors import InputError
from ganplugin.nodes import NODES
from ganplugin.nodes.context import Context, Folders
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.ports import inputs_of
from ganplugin.nodes.workflows import is_workflow, prompt_of, workflow_of
from tests.nodes.kit import as_levels
from tests.source import ROOT

EXAMPLES = sorted((ROOT / "nodes" / "comfyui" / "example_workflows").glob("*.json"))


def node(kind, **inputs):
    return {"class_type": f"GanPlugin{kind}", "inputs": inputs}


@pytest.fixture
def graph(models):
    return {
        "1": node("LoadModel", model=str(models / "full.onnx")),
        "2": node("Sample", model=["1", 0], seeds="0-2", truncation=0.5, seed=4),
        "3": node("ContactSheet", images=["2", 0], columns=2),
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "sheet"}},
    }


def same_calls(one: Graph, other: Graph) -> bool:
    """Tell whether two graphs have the same links, and the same values once defaults are filled in."""

    def filled(graph: Graph):
        calls = graph.calls.values()
        defaults = {
            call.id: {p.name: p.default for p in inputs_of(call.kind) if not p.is_socket and not p.required}
            for call in calls
        }
        return {call.id: (call.kind, {**defaults[call.id], **call.values}, dict(call.links)) for call in calls}

    return filled(one) == filled(other)


def test_what_is_drawn_from_a_graph_is_read_as_that_graph(graph):
    drawing = workflow_of(graph)
    assert is_workflow(drawing)
    assert not is_workflow(graph)
    assert same_calls(Graph.parse(prompt_of(json.loads(json.dumps(drawing)))), Graph.parse(graph))


def test_every_link_is_drawn_once_on_both_of_its_ends(graph):
    drawing = workflow_of(graph)
    nodes = {drawn["id"]: drawn for drawn in drawing["nodes"]}
    assert [link[5] for link in drawing["links"]] == ["GANPLUGIN_MODEL", "IMAGE", "IMAGE"]
    for number, source, output, target, slot, _ in drawing["links"]:
        assert number in nodes[source]["outputs"][output]["links"]
        assert nodes[target]["inputs"][slot]["link"] == number
    boxes = [(*drawn["pos"], *drawn["size"]) for drawn in nodes.values()]
    for index, (left, top, width, height) in enumerate(boxes):
        assert all(
            x >= left + width or x + w <= left or y >= top + height or y + h <= top for x, y, w, h in boxes[index + 1 :]
        )


def test_notes_reroutes_and_muted_nodes_are_understood(graph):
    drawing = workflow_of(graph)
    last = max(link[0] for link in drawing["links"])
    (sheet_link,) = (link for link in drawing["links"] if link[3] == 4)
    source = sheet_link[1:3]
    drawing["links"].append([last + 1, *source, 90, 0, "IMAGE"])
    sheet_link[1:3] = [90, 0]
    drawing["nodes"] += [
        {"id": 90, "type": "Reroute", "inputs": [{"name": "", "link": last + 1}], "outputs": [], "mode": 0},
        {"id": 91, "type": "Note", "widgets_values": ["hello"]},
        {"id": 92, "type": "GanPluginScore", "mode": 4, "inputs": [], "widgets_values": []},
    ]
    assert same_calls(Graph.parse(prompt_of(drawing)), Graph.parse(graph))


def test_a_widget_that_is_linked_keeps_its_link(graph):
    graph["5"] = node("SaveImages", images=["2", 0])
    graph["6"] = node("LoadImages", path=["5", 0])
    assert prompt_of(workflow_of(graph))["6"]["inputs"]["path"] == ["5", 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["nodes"].append({"id": 9, "type": "KSampler"}), "node 9: KSampler is not one of our nodes"),
        (lambda d: d["links"].clear(), "is no workflow that can be read"),
        (lambda d: d["nodes"].append({}), "is no workflow that can be read"),
        (lambda d: d["nodes"].append(3), "is no workflow that can be read"),
        (lambda d: d["links"].append(3), "is no workflow that can be read"),
    ],
)
def test_drawings_that_cannot_be_read_are_refused_in_words(graph, change, message):
    drawing = workflow_of(graph)
    change(drawing)
    with pytest.raises(InputError) as refused:
        prompt_of(drawing)
    assert message in str(refused.value)
    assert "Export (API)" in str(refused.value)


def test_a_drawing_runs_headless_and_its_pictures_carry_it(graph, tmp_path, models):
    flow = tmp_path / "flow.json"
    flow.write_text(json.dumps(workflow_of(graph)), encoding="utf-8")
    context = Context(device="cpu", folders=Folders(outputs=tmp_path / "a"))
    Graph.load(flow).run(context)
    Graph.parse(graph).run(Context(device="cpu", folders=Folders(outputs=tmp_path / "b")))
    picture = tmp_path / "a" / "sheet_00001_.png"
    assert (as_levels(picture) == as_levels(tmp_path / "b" / "sheet_00001_.png")).all()
    from ganplugin.images import read_text

    assert json.loads(read_text(picture)["workflow"]) == workflow_of(graph)
    changed = Graph.load(flow, ["2.seed=5"])
    assert changed.drawing is None
    assert changed.calls["2"].values["seed"] == 5


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_workflows_are_graphs_with_a_thumbnail(path):
    graph = Graph.load(path)
    assert graph.outputs
    assert path.with_suffix(".jpg").is_file()
    ours = {kind.id for kind in NODES}
    assert ours & {call.kind.id for call in graph.calls.values()}


def test_there_are_three_examples():
    assert [path.stem for path in EXAMPLES] == ["interpolation_film", "photo_to_painting", "sample_grid"]
