"""Graphs evaluated without a host: in order, only what is needed, and rendered only after everything is checked."""

from __future__ import annotations

import json
import os
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganplugin.errors import Cancelled, DependencyError, FileError, ImageError, InputError
from ganplugin.images import read_text
from ganplugin.nodes import (
    Context,
    Images,
    Interpolate,
    JoinImages,
    LatentBatch,
    LoadImages,
    Sample,
    SaveImages,
)
from ganplugin.nodes.context import Folders
from ganplugin.nodes.graph import Evaluation, Graph
from ganplugin.nodes.graph_checks import Link
from ganplugin.nodes.picture_store import MemoryStore
from ganplugin.nodes.values import Recipe
from tests.nodes.kit import as_levels, load, node, save


@pytest.fixture
def graph(models):
    return {
        "1": node("LoadModel", model=str(models / "full.onnx")),
        "2": node("Sample", model=["1", 0], seeds="3"),
        "3": node("JoinImages", a=["2", 0], b=["2", 0]),
        "4": node("SaveImages", images=["3", 0], folder="joined"),
    }


@pytest.fixture
def outputs(context, here) -> Context:
    return replace(context, folders=Folders(outputs=here / "out"))


def written(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_graph_gives_what_the_nodes_give(graph, models, context):
    evaluation = Evaluation(Graph.parse(graph), context)
    found = evaluation.value(Link("3", 0))
    assert isinstance(found, Images)
    direct = Sample(model=load(models / "full.onnx"), seeds="3").run(context).images
    assert [picture.tobytes() for picture in found] == [direct[0].tobytes()] * 2
    latents = evaluation.value(Link("2", 1))
    assert isinstance(latents, LatentBatch)
    assert latents.seeds == (3,)


def test_a_run_writes_what_the_outputs_say_and_returns_it(graph, outputs, here):
    found = Graph.parse(graph).run(outputs)
    assert list(found) == ["4"]
    assert found["4"].model_dump() == {
        "paths": (str(here / "out/joined/seed-0003.png"), str(here / "out/joined/seed-0003-2.png"))
    }
    assert written(here) == ["out/joined/seed-0003-2.png", "out/joined/seed-0003.png"]


def test_a_shared_node_runs_once(graph, context, monkeypatch):
    runs: list[str] = []
    run = Sample.run
    monkeypatch.setattr(Sample, "run", lambda self, context: (runs.append(self.seeds), run(self, context))[1])
    evaluation = Evaluation(Graph.parse(graph), context)
    inputs = evaluation.inputs("3")
    assert inputs["a"] is inputs["b"]
    evaluation.outputs("3")
    evaluation.outputs("3")
    assert runs == ["3"]


def test_nodes_that_no_output_needs_are_never_evaluated(graph, outputs, models):
    graph["7"] = node("LoadModel", model=str(models / "none.onnx"))
    graph["8"] = node("Sample", model=["7", 0])
    made = Graph.parse(graph)
    assert made.needed(["4"]) == ("1", "2", "3", "4")
    made.run(outputs)
    graph["9"] = node("SaveImages", images=["8", 0])
    with pytest.raises(FileError, match=r"node 7 \(GanPluginLoadModel\), .*none\.onnx: there is no such model file"):
        Graph.parse(graph).run(outputs)


def test_a_graph_without_an_output_is_refused(graph, context):
    del graph["4"]
    with pytest.raises(InputError, match="graph: writes nothing - end it with GanPluginSaveImages or SaveImage"):
        Graph.parse(graph).run(context)


def test_a_recipe_becomes_the_graph_that_made_it(graph, context):
    images = JoinImages(**Evaluation(Graph.parse(graph), context).inputs("3")).run(context).images
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


def test_pictures_carry_the_graph_as_it_was_given(graph, outputs, here):
    graph["2"]["_meta"] = {"title": "Träume 😀"}
    path = Graph.parse(graph).run(outputs)["4"].model_dump()["paths"][0]
    text = read_text(Path(path))
    assert json.loads(text["prompt"]) == graph
    assert json.loads(text["ganplugin"])["seed"] == 3
    assert list(text) == ["prompt", "ganplugin"]
    hosted = replace(outputs, text={"workflow": "{}"}, folders=Folders(outputs=here / "two"))
    path = Graph.parse(graph).run(hosted)["4"].model_dump()["paths"][0]
    assert list(read_text(Path(path))) == ["prompt", "workflow", "ganplugin"]


def test_values_that_are_not_there_are_refused(graph, context):
    evaluation = Evaluation(Graph.parse(graph), context)
    with pytest.raises(InputError, match="graph: there is no node '9'"):
        evaluation.value(Link("9", 0))
    for number in (2, -1):
        with pytest.raises(InputError, match=f"node 2: has no output {number} - it has 2"):
            evaluation.value(Link("2", number))


def sample(**inputs):
    return {"2": node("Sample", model=["1", 0], **inputs)}


def saving(kind="SaveImages", **inputs):
    """A second node of this kind beside the one that saves."""
    source = {"latents": ["2", 1]} if kind == "SaveLatents" else {"images": ["2", 0]}
    return {"9": node(kind, **source, **inputs)}


SAVE = "node 9 (GanPluginSaveImages)"
FILM = "node 9 (GanPluginSaveVideo)"
TWICE = "node 4 (GanPluginSaveImages), OUT/joined/seed-0003.png: would be written by node 9 too - give one another name"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (sample(seeds="9-3"), InputError, "node 2 (GanPluginSample), seeds '9-3': the range 9-3 falls"),
        (sample(label="x"), InputError, "node 2 (GanPluginSample), label 'x': this network knows no classes"),
        (saving("SaveVideo", path="a.avi"), InputError, f"{FILM}, OUT/a.avi: is no film or animation"),
        (saving("SaveVideo", path="../a.gif"), InputError, f"{FILM}, '../a.gif': is outside the output folder"),
        (saving("SaveVideo", path="/tmp/a.gif"), InputError, "is outside the output folder"),
        (saving(folder="/tmp"), InputError, f"{SAVE}, '/tmp': is outside the output folder"),
        (saving(folder="a/../.."), InputError, "is outside the output folder"),
        (saving(name="../{name}"), InputError, "is not a safe file name"),
        (saving(name="{nme}"), InputError, "is not a name template"),
        (saving("SaveImage", filename_prefix="../x"), InputError, "node 9 (SaveImage), '..': is outside the output"),
        (saving("SaveImage", filename_prefix="/tmp/x"), InputError, "is outside the output folder"),
        (saving("SaveImage", filename_prefix="a:b"), InputError, "is not a safe file name"),
        (saving("SaveLatents", path="../a.npz"), InputError, "node 9 (GanPluginSaveLatents), '../a.npz': is outside"),
        (saving("SaveLatents", path="a.txt"), InputError, "latents are written as .npz"),
        (saving(folder="joined"), InputError, TWICE),
        (saving(folder="JOINED"), InputError, TWICE),
        (saving(folder="in the way"), FileError, f"{SAVE}, OUT/in the way/seed-0003.png: exists already"),
    ],
)
def test_what_can_be_refused_is_refused_before_the_first_picture(
    graph, outputs, here, rendered, change, error, message
):
    save(here / "out" / "in the way" / "seed-0003.png")
    before = written(here)
    with pytest.raises(error) as refused:
        Graph.parse({**graph, **change}).run(outputs)
    assert message in str(refused.value).replace(str(here / "out"), "OUT")
    assert rendered == []
    assert written(here) == before


def test_a_film_without_its_package_is_refused_before_the_first_picture(graph, outputs, rendered, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    graph["9"] = node("SaveVideo", images=["2", 0], path="a.mp4")
    with pytest.raises(DependencyError, match=r"node 9 \(GanPluginSaveVideo\): films need PyAV"):
        Graph.parse(graph).run(outputs)
    assert rendered == []


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
@pytest.mark.parametrize(
    "writer",
    [
        node("SaveImages", images=["2", 0], folder="link"),
        node("SaveImages", images=["2", 0], folder="link/deeper"),
        node("SaveImages", images=["2", 0], folder=".", name="link/x"),
        node("SaveImages", images=["2", 0], folder=".", name="file", overwrite=True),
        node("SaveVideo", images=["2", 0], path="link/a.gif"),
        node("SaveVideo", images=["2", 0], path="film.gif", overwrite=True),
        node("SaveLatents", latents=["2", 1], path="link/a.npz"),
        node("SaveImage", images=["2", 0], filename_prefix="link/x"),
    ],
)
def test_links_do_not_lead_outside_of_the_outputs(graph, outputs, here, rendered, writer):
    (here / "elsewhere").mkdir()
    (here / "out").mkdir()
    (here / "out" / "link").symlink_to(here / "elsewhere")
    for name in ("file.png", "film.gif"):
        (here / "elsewhere" / name).write_bytes(b"mine")
        (here / "out" / name).symlink_to(here / "elsewhere" / name)
    graph["4"] = writer
    with pytest.raises(InputError, match=r"node 4 .*leads outside the output folder"):
        Graph.parse(graph).run(outputs)
    assert rendered == []
    assert written(here / "elsewhere") == ["file.png", "film.gif"]
    assert (here / "elsewhere" / "file.png").read_bytes() == b"mine"


def test_an_error_while_rendering_names_the_node_that_the_picture_comes_from(outputs, here):
    (here / "bad.png").write_text("x")
    graph = {
        "1": node("LoadImages", path="bad.png"),
        "2": node("ContactSheet", images=["1", 0]),
        "3": node("SaveImages", images=["2", 0]),
    }
    with pytest.raises(ImageError) as refused:
        Graph.parse(graph).run(outputs)
    assert str(refused.value).startswith("node 1 (GanPluginLoadImages), bad.png: is not a picture")


def test_stopping_is_no_error_of_a_node(graph, outputs, here):
    asked: list[int] = []
    stopping = replace(outputs, cancelled=lambda: bool(asked) or asked.append(1) is not None)
    with pytest.raises(Cancelled) as stopped:
        Graph.parse(graph).run(stopping)
    assert str(stopped.value) == "stopped - files already written are whole"


def test_a_node_may_read_the_files_that_another_wrote(graph, outputs, here):
    graph["5"] = node("LoadImages", path=["4", 0])
    graph["6"] = node("ContactSheet", images=["5", 0])
    graph["7"] = node("SaveImages", images=["6", 0], folder="sheets")
    assert list(Graph.parse(graph).run(outputs)) == ["4", "7"]
    assert len(written(here / "out")) == 3


def test_others_are_checked_before_a_node_whose_files_are_read(graph, outputs, here, rendered):
    graph["5"] = node("LoadImages", path=["4", 0])
    graph["6"] = node("SaveImages", images=["5", 0], folder="copies")
    for number in range(10, 14):  # deeper, and so later in order, than the copies
        graph[str(number)] = node("JoinImages", a=[str(number - 1) if number > 10 else "3", 0], b=["2", 0])
    graph["14"] = node("SaveImages", images=["13", 0], folder="../outside")
    with pytest.raises(InputError, match="node 14"):
        Graph.parse(graph).run(outputs)
    assert rendered == []


def test_a_picture_that_two_outputs_show_is_rendered_once(graph, outputs, rendered):
    graph["5"] = node("ContactSheet", images=["2", 0])
    graph["6"] = node("SaveImages", images=["5", 0])
    Graph.parse(graph).run(outputs)
    assert rendered == [1]


def test_the_deepest_graphs_can_be_rendered(outputs, here):
    save(here / "a.png", 4, 4)
    graph = {"0": node("LoadImages", path="a.png")}
    for number in range(1, 99):
        graph[str(number)] = node("ContactSheet", images=[str(number - 1), 0], cell=4)
    graph["99"] = node("SaveImages", images=["98", 0])
    assert Graph.parse(graph).run(outputs)


def counting_frames(monkeypatch):
    """Let Interpolate's frames be counted while they live, and return the count."""
    alive = {"now": 0, "most": 0, "made": 0}
    render = Interpolate._images

    def counted(self, made, latents, context):
        images = render(self, made, latents, context)

        def frames(start, stop):
            pictures = [picture.copy() for picture in images.render(start, stop)]
            for picture in pictures:
                alive["made"] += 1
                alive["now"] += 1
                weakref.finalize(picture, lambda: alive.update(now=alive["now"] - 1))
            alive["most"] = max(alive["most"], alive["now"])
            return pictures

        return replace(images, render=frames)

    monkeypatch.setattr(Interpolate, "_images", counted)
    return alive


@pytest.mark.parametrize(("frames", "fits"), [(40, True), (400, False)])
def test_a_long_film_does_not_grow_in_memory(models, outputs, monkeypatch, frames, fits):
    alive = counting_frames(monkeypatch)
    graph = {
        "1": node("LoadModel", model=str(models / "full.onnx")),
        "2": node("Interpolate", model=["1", 0], seeds="1,2", frames=frames),
        "3": node("SaveVideo", images=["2", 0], path="a.png"),
    }
    room = MemoryStore(40 * 8 * 8 * 3 * 4)
    Graph.parse(graph).run(replace(outputs, batch=8), room)
    assert alive["made"] >= frames
    assert alive["most"] <= 40 + 3 * 8
    assert (alive["most"] < frames) is not fits


@st.composite
def join_graphs(draw):
    """Random graphs of JoinImages over a few pictures, some of them saved, written in any order."""
    names = draw(st.lists(st.text("abc0123:.", min_size=1, max_size=3), min_size=3, max_size=9, unique=True))
    made: dict[str, list[str]] = {}
    graph = {}
    for number, name in enumerate(names):
        if number < 2:
            made[name] = [f"{number}.png"]
            graph[name] = node("LoadImages", path=f"{number}.png")
            continue
        a, b = (draw(st.sampled_from(names[:number])) for _ in "ab")
        made[name] = [*made[a], *made[b]]
        graph[name] = node("JoinImages", a=[a, 0], b=[b, 0])
    saved = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    for number, name in enumerate(saved):
        graph[f"save {number}"] = node("SaveImages", images=[name, 0], folder=str(number), overwrite=True)
    order = draw(st.permutations(list(graph)))
    return {name: graph[name] for name in order}, [made[name] for name in saved]


@pytest.fixture
def two_pictures(here) -> Path:
    for seed in range(2):
        save(here / f"{seed}.png", 2, 2, seed=seed)
    return here


@given(join_graphs())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_graph_runs_in_a_right_order_and_each_needed_node_once(two_pictures, drawn):
    prompt, expected = drawn
    runs: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for kind in (LoadImages, JoinImages, SaveImages):
            run = kind.run
            patch.setattr(kind, "run", lambda self, c, run=run: (runs.append(self.id), run(self, c))[1])
        graph = Graph.parse(prompt)
        context = Context(device="cpu", folders=Folders(outputs=two_pictures / "out"))
        found = graph.run(context)
    seen: set[str] = set()
    for call in graph.calls.values():
        assert {link.node for link in call.links.values()} <= seen
        seen.add(call.id)
    needed = graph.needed(graph.outputs)
    assert sorted(runs) == sorted(graph.calls[name].kind.id for name in needed)
    for number, names in enumerate(expected):
        paths = found[f"save {number}"].model_dump()["paths"]
        assert [as_levels(Path(path)).tobytes() for path in paths] == [
            as_levels(two_pictures / name).tobytes() for name in names
        ]
