"""The text that a picture carries: the recipe, and the graph that ComfyUI restores."""

from __future__ import annotations

import json

import pytest

from ganplugin.nodes.graph import Graph
from ganplugin.nodes.provenance import current_versions, provenance_text, record_text
from ganplugin.nodes.values import Origin, Recipe
from ganplugin.provenance import parse_provenance

ORIGIN = Origin(
    Recipe("GanPluginSample", (("model", Recipe("GanPluginLoadModel", (("model", "a.onnx"),))), ("seeds", "3"))),
    models={"a.onnx": "0" * 64},
    provider="CPUExecutionProvider",
    threads=2,
    seed=3,
    source="/home/me/secret/a.png",
)


def test_a_recipe_is_the_prompt_where_no_host_gives_one():
    text = provenance_text(ORIGIN, "png", {})
    assert list(text) == ["prompt", "ganplugin"]
    prompt = json.loads(text["prompt"])
    assert prompt == {
        "1": {"class_type": "GanPluginLoadModel", "inputs": {"model": "a.onnx"}},
        "2": {"class_type": "GanPluginSample", "inputs": {"model": ["1", 0], "seeds": "3"}},
    }
    assert list(Graph.parse(prompt).calls) == ["1", "2"]
    record = parse_provenance(text)
    assert (record.output, record.seed, record.format) == (("2", 0), 3, "png")
    assert record.versions == dict(current_versions())


@pytest.mark.parametrize("beside", [{"prompt": "{}"}, {"workflow": "[]", "prompt": "{}"}, {"other": "x"}])
def test_what_a_host_writes_stays_as_it_is(beside):
    text = provenance_text(ORIGIN, "png", beside)
    assert {key: text[key] for key in beside} == beside
    assert next(iter(text)) == "prompt"
    assert list(text)[-1] == "ganplugin"


def test_a_host_cannot_take_the_place_of_the_recipe():
    assert parse_provenance(provenance_text(ORIGIN, "png", {"ganplugin": "x"})).seed == 3


def test_a_record_gives_its_text_once_more():
    text = provenance_text(ORIGIN, "png", {"workflow": "[]"})
    assert record_text(parse_provenance(text), {"workflow": "[]"}) == text


def test_no_folder_and_no_time_is_in_the_text():
    text = json.dumps(provenance_text(ORIGIN, "png", {}))
    assert "/home" not in text
    assert text == json.dumps(provenance_text(ORIGIN, "png", {}))
