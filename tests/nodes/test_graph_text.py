"""The text of a graph, wherever it comes from, and single values changed in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ganplugin.errors import DependencyError, FileError, GanPluginError, ImageError, InputError
from ganplugin.nodes import SaveImages, SaveVideo
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.graph_checks import Link
from ganplugin.nodes.graph_text import changed, graph_text, parse_json
from tests.nodes.kit import node, noise, save, sequence

GRAPH = {
    "1": node("LoadModel", model="full.onnx"),
    "2": node("Sample", model=["1", 0]),
    "3:1": node("SaveImages", images=["2", 0]),
}


def written(text, name="flow.json") -> Path:
    path = Path(name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_of_json_is_read(here):
    text = json.dumps(GRAPH)
    assert graph_text(written(text)) == text
    assert graph_text(written(b"\xef\xbb\xbf" + text.encode())) == text
    assert Graph.load(written(text)).prompt == GRAPH


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "mp4"])
def test_a_picture_or_film_gives_the_graph_that_it_carries(here, context, suffix):
    from dataclasses import replace

    carrying = replace(context, text={"prompt": json.dumps(GRAPH)})
    pictures = sequence([noise(8, 8)] * 3)
    if suffix in ("gif", "mp4"):
        path = SaveVideo(images=pictures, path=f"a.{suffix}").run(carrying).path
    else:
        path = SaveImages(images=pictures, folder=".", format=suffix).run(carrying).paths[0]
    assert Graph.load(Path(path)).prompt == GRAPH


def test_a_picture_without_a_graph_says_so(here):
    with pytest.raises(ImageError, match=r"a\.png: carries no graph - name a JSON file"):
        graph_text(save(here / "a.png"))


@pytest.mark.parametrize(
    ("name", "data", "error", "message"),
    [
        ("none.json", None, FileError, "none.json: no such file or directory"),
        ("none.png", None, FileError, "none.png: no such file or directory"),
        ("b.json", b"\xff\xfe\x00", InputError, "b.json: is no text file"),
        ("c.png", b"{}", ImageError, "c.png: is not a picture"),
        (".", None, FileError, "is a directory"),
    ],
)
def test_files_that_hold_no_text_are_refused(here, name, data, error, message):
    if data is not None:
        written(data, name)
    with pytest.raises(error) as refused:
        graph_text(Path(name))
    assert message in str(refused.value)


def test_a_huge_file_is_refused_and_not_read_whole(here, monkeypatch):
    path = written(b"{}")
    with path.open("r+b") as stream:
        stream.truncate(2**40)  # sparse: takes no room
    with pytest.raises(InputError, match="is too large for a graph"):
        graph_text(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"1": NaN}', "is no JSON (NaN is no JSON value)"),
        ('{"1": -Infinity}', "is no JSON (-Infinity is no JSON value)"),
        ('{"1": 1e999}', "is no JSON (1e999 is too large)"),
        ("[]", "holds no graph"),
        ("3", "holds no graph"),
        ("{}", "holds no graph"),
        ('{"prompt": {}}', "holds no graph"),
    ],
)
def test_what_is_no_graph_is_refused_with_the_menu_that_exports_one(text, message):
    with pytest.raises(InputError) as refused:
        parse_json(text, "flow.json")
    assert str(refused.value).startswith(f"flow.json: {message}")
    assert str(refused.value).endswith(" - in ComfyUI choose Workflow > Export (API)")


def test_the_body_of_a_request_to_comfyui_is_a_graph_too():
    assert parse_json(json.dumps({"prompt": GRAPH, "client_id": "x"}), "x") == GRAPH


def test_a_node_called_prompt_is_a_node():
    graph = {"prompt": node("LoadModel", model="x")}
    assert parse_json(json.dumps(graph), "x") == graph


@given(
    st.text()
    | st.recursive(st.none() | st.floats() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)).map(
        json.dumps
    )
)
@example('{"prompt": {"1": 2}}')
def test_any_text_gives_a_table_or_one_error_of_ours(text):
    try:
        assert isinstance(parse_json(text, "x"), dict)
    except GanPluginError as error:
        assert str(error).startswith("x: ")


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("2.truncation=0.5", 0.5),
        ("2.seed=7", 7),
        ("2.seeds=0-9,42", "0-9,42"),
        ("2.seeds=7", "7"),
        ('2.seeds="7"', "7"),
        ("2.label=true", "true"),
        ("2.label=null", "null"),
        ("2.label=", ""),
        ("2.label=a=b", "a=b"),
        ("2.noise=none", "none"),
        ("3:1.overwrite=true", True),
        ('3:1.images=["2", 0]', ["2", 0]),
        ('2.label=["1", 0]', ["1", 0]),
        ("3:1.name=NaN", "NaN"),
        (" 2.seed=7", 7),
    ],
)
def test_values_are_json_or_text_as_the_field_takes_them(change, value):
    place = change.strip().partition("=")[0]
    node_id, _, field = place.rpartition(".")
    assert changed(GRAPH, [change])[node_id]["inputs"][field] == value


def test_a_change_leaves_the_given_graph_alone_and_the_last_one_counts():
    before = json.dumps(GRAPH)
    assert changed(GRAPH, ["2.seed=1", "2.seed=2"])["2"]["inputs"]["seed"] == 2
    assert json.dumps(GRAPH) == before
    assert changed(GRAPH, []) == GRAPH


def test_a_deep_value_is_text():
    assert changed(GRAPH, ["1.model=" + "[" * 100_000])["1"]["inputs"]["model"][0] == "["


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("2.seed", "--set 2.seed: is not a change - write NODE.FIELD=VALUE, such as 3.seed=7"),
        ("seed=7", "--set seed=7: is not a change"),
        ("2.=7", "--set 2.=7: is not a change"),
        ("=7", "--set =7: is not a change"),
        ("22.seed=7", "--set 22.seed=7: there is no node '22' - did you mean '2'?"),
        (".seed=7", "--set .seed=7: there is no node ''"),
    ],
)
def test_what_is_no_change_is_refused(change, message):
    with pytest.raises(InputError) as refused:
        changed(GRAPH, [change])
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("broken", [5, None, ["x"], {"class_type": "GanPluginSample", "inputs": [1]}])
def test_a_node_without_inputs_cannot_be_changed(broken):
    with pytest.raises(InputError, match=r"--set 1\.x=3: node '1' has no inputs"):
        changed({"1": broken}, ["1.x=3"])


def test_inputs_that_are_no_table_are_refused_from_a_file_too(here):
    path = written(json.dumps({"1": {"class_type": "GanPluginLoadModel", "inputs": [1]}}))
    with pytest.raises(InputError, match="node 1, inputs: is not a table of inputs"):
        Graph.load(path)


def test_an_input_may_be_added_and_a_link_replaced():
    graph = Graph.parse(GRAPH).changed(["2.seeds=4", '3:1.images=["2", 0]', "2.truncation=1"])
    assert graph.calls["2"].values == {"seeds": "4", "truncation": 1}
    assert graph.calls["3:1"].links == {"images": Link("2", 0)}


def test_a_field_that_is_not_there_is_found_by_the_check():
    with pytest.raises(InputError, match="sede: is no input of it - did you mean 'seed'"):
        Graph.parse(GRAPH).changed(["2.sede=4"])


def test_films_need_their_package(here, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(DependencyError, match="films need PyAV"):
        graph_text(written(b"x", "a.mp4"))
