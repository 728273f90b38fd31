"""The example workflows say nothing that the nodes do not."""

from __future__ import annotations

import json

import pytest

from ganplugin.nodes.graph import Graph
from ganplugin.nodes.invokeai.registration import invocation_type
from ganplugin.nodes.ports import inputs_of, outputs_of, port_named
from tests.source import load_script

SCRIPT = load_script("invokeai_workflows")
EACH = pytest.mark.parametrize("workflow", SCRIPT.WORKFLOWS.values(), ids=SCRIPT.WORKFLOWS)


def test_there_is_nothing_else_among_the_workflows():
    assert set(SCRIPT.FOLDER.iterdir()) == SCRIPT.pages().keys()


@EACH
def test_a_workflow_is_a_graph_that_runs(workflow):
    ends = [tuple(end.split(".") for end in link.split()) for link in workflow.links]
    prompt = {name: {"class_type": box.kind.id, "inputs": dict(box.values)} for name, box in workflow.boxes.items()}
    for (source, output), (target, name) in ends:
        names = [port.name for port in outputs_of(workflow.boxes[source].kind)]
        prompt[target]["inputs"][name] = [source, names.index(output)]
    assert Graph.parse(prompt).calls.keys() == workflow.boxes.keys()


@EACH
def test_what_is_asked_is_there(workflow):
    for asked in workflow.asked:
        box, name = asked.split(".")
        port = port_named(inputs_of(workflow.boxes[box].kind), name)
        assert port is not None
        assert not port.is_socket


def test_a_drawn_node_has_the_inputs_of_its_kind():
    drawn = json.loads(next(iter(SCRIPT.pages().values())))["nodes"][0]["data"]
    kind = SCRIPT.LoadModel
    assert (drawn["type"], drawn["version"]) == (invocation_type(kind), kind.version)
    assert drawn["inputs"] == {
        "model": {"name": "model", "label": "", "value": "builtin:brushwork"},
        "device": {"name": "device", "label": "", "value": "auto"},
    }
