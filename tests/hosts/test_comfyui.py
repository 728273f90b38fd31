"""Our nodes in a real ComfyUI server: what it shows of them, and that it gives the bytes of a headless run."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganplugin.builtin import catalog, demo_photo
from ganplugin.nodes import NODES
from ganplugin.nodes.ports import Port, inputs_of, outputs_of, summary
from ganplugin.nodes.workflows import COMFYUI_TYPES, prompt_of
from tests.hosts.comfyui_server import Server, folders, prepared, started
from tests.source import ROOT

pytestmark = pytest.mark.hosts

EXAMPLES = sorted((ROOT / "nodes" / "comfyui" / "example_workflows").glob("*.json"))
CLASSIC = "from ganplugin.nodes.comfyui.classic import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """ComfyUI with the folder that our own command writes: the nodes of its V3 interface."""
    host = prepared()
    base = folders(tmp_path_factory.mktemp("comfyui"), demo_photo())
    command = [str(host / "venv" / "bin" / "ganplugin"), "install", "comfyui", str(base)]
    subprocess.run(command, check=True, capture_output=True)
    with started(host, base) as running:
        yield running


@pytest.fixture(scope="module")
def classic(tmp_path_factory) -> Iterator[Server]:
    """ComfyUI with the V1 tables."""
    host = prepared()
    base = folders(tmp_path_factory.mktemp("classic"), demo_photo())
    (base / "custom_nodes" / "classic.py").write_text(CLASSIC, encoding="utf-8")
    with started(host, base) as running:
        yield running


def node(kind: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def sample(**inputs: object) -> dict[str, Any]:
    return {
        "1": node("GanPluginLoadModel", model="builtin:icons"),
        "2": node("GanPluginSample", model=["1", 0], **inputs),
        "3": node("GanPluginSaveImages", images=["2", 0], folder="pictures", name="{name}"),
    }


def check_declarations(server: Server) -> None:
    """Compare everything that the server tells of our nodes with their classes."""
    shown = server.get("/object_info")
    assert {name for name in shown if name.startswith("GanPlugin")} == {kind.id for kind in NODES}
    for kind in NODES:
        told = shown[kind.id]
        assert (told["display_name"], told["category"]) == (kind.title, "ganplugin")
        assert told["description"] == summary(kind)
        assert told["output_node"] == kind.writes
        assert told["output"] == [COMFYUI_TYPES[port.type] for port in outputs_of(kind)]
        assert told["output_name"] == [port.name for port in outputs_of(kind)]
        assert told["output_tooltips"] == [port.help for port in outputs_of(kind)]
        ports = inputs_of(kind)
        order = [*told["input_order"].get("required", ()), *told["input_order"].get("optional", ())]
        assert sorted(order) == sorted(port.name for port in ports)
        for required in (True, False):
            named = [port.name for port in ports if port.required is required]
            assert told["input_order"].get("required" if required else "optional", []) == named
        for port in ports:
            check_input(port, told["input"]["required" if port.required else "optional"][port.name])


def check_input(port: Port, told: list[Any]) -> None:
    kind, options = told
    choices = options.get("options") if kind == "COMBO" else kind if isinstance(kind, list) else None
    assert options["tooltip"] == port.help
    if port.widget == "model":
        assert choices is not None
        assert choices[: len(catalog())] == [f"builtin:{name}" for name in catalog()]
        assert "mine.onnx" in choices[len(catalog()) :]
        return
    assert (choices or kind) == (list(port.choices) or COMFYUI_TYPES[port.type])
    assert options.get("default") == (None if port.is_socket or port.required else port.default)
    assert (options.get("min"), options.get("max")) == (port.least, port.most)
    assert options.get("control_after_generate", False) == (port.widget == "seed")


def test_every_node_is_shown_as_it_is_declared(server):
    assert "IMPORT FAILED" not in "\n".join(line for line in server.log.splitlines() if "ganplugin" in line)
    check_declarations(server)
    assert "mine.onnx" in server.get("/models/ganplugin")


def test_the_older_interface_shows_the_same_and_gives_the_same(classic, server, tmp_path):
    check_declarations(classic)
    told = classic.run(sample(seeds="0-2", seed=5))
    (entries,) = (output["images"] for output in told["outputs"].values())
    other = server.run(sample(seeds="0-2", seed=5, truncation_cutoff=0))["outputs"]["3"]["images"]
    assert [pixels(classic.fetch(entry)) for entry in entries] == [pixels(server.fetch(entry)) for entry in other]


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image).tobytes()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_gives_the_bytes_of_a_headless_run(server, path, tmp_path):
    prompt = prompt_of(json.loads(path.read_text(encoding="utf-8")))
    told = server.run(prompt)
    assert "execution_success" in told["events"], told
    assert told["previews"] > 0
    flow = tmp_path / "flow.json"
    flow.write_text(json.dumps(prompt), encoding="utf-8")
    server.headless("graph", str(flow), "--inputs", str(server.base / "input"), "--no-cache", cwd=tmp_path)
    entries = [entry for output in told["outputs"].values() for entry in output["images"]]
    assert entries
    for entry in entries:
        compare(server.fetch(entry), tmp_path / "output" / entry["subfolder"] / entry["filename"])


def compare(theirs: bytes, headless: Path) -> None:
    """Our own save nodes write the same file; ComfyUI's writes the same pixels and graph, but not our recipe."""
    ours = headless.read_bytes()
    with Image.open(io.BytesIO(theirs)) as one, Image.open(io.BytesIO(ours)) as other:
        if one.format == "PNG" and "ganplugin" not in one.text:
            assert np.array_equal(np.asarray(one), np.asarray(other))
            graphs = [json.loads(image.text["prompt"]) for image in (one, other)]
            for call in graphs[0].values():
                call.pop("is_changed", None)
            assert graphs[0] == graphs[1]
            return
    assert theirs == ours


def test_a_picture_saved_by_comfyui_runs_headless_from_its_metadata(server, tmp_path):
    graph = sample(seeds="3,4", truncation=1)
    graph["3"] = node("SaveImage", images=["2", 0], filename_prefix="rerun")
    entries = server.run(graph)["outputs"]["3"]["images"]
    data = [server.fetch(entry) for entry in entries]
    (tmp_path / "theirs.png").write_bytes(data[0])
    server.headless("graph", "theirs.png", cwd=tmp_path)
    again = sorted((tmp_path / "output").glob("rerun_*_.png"))
    assert [pixels(one) for one in data] == [pixels(path.read_bytes()) for path in again]


def test_pictures_of_ours_can_be_rendered_again(server, tmp_path):
    (server.base / "input" / "photo.png").write_bytes((server.base / "input" / "example.png").read_bytes())
    graph = {
        "1": node("GanPluginLoadModel", model="builtin:great-wave"),
        "2": node("LoadImage", image="photo.png"),
        "3": node("GanPluginStyleTransfer", model=["1", 0], images=["2", 0], strength=0.5),
        "4": node("GanPluginSaveImages", images=["3", 0], folder="again"),
    }
    (entry,) = server.run(graph)["outputs"]["4"]["images"]
    (tmp_path / "styled.png").write_bytes(server.fetch(entry))
    told = server.headless("again", "styled.png", "--inputs", str(server.base / "input"), cwd=tmp_path)
    assert "identical, byte for byte" in told


def test_a_second_run_is_cached_and_a_changed_model_is_noticed(server):
    model = server.base / "models" / "ganplugin" / "changing.onnx"
    model.write_bytes((ROOT / "ganplugin" / "builtin" / "icons.onnx").read_bytes())
    graph = sample(seeds="0")
    graph["1"] = node("GanPluginLoadModel", model="changing.onnx")
    first = server.run(graph)
    assert ["1", "changing.onnx: generator, 64x64, on CPU"] in first["texts"]
    assert sorted(server.run(graph)["cached"]) == ["1", "2", "3"]
    model.write_bytes((ROOT / "ganplugin" / "builtin" / "brushwork.onnx").read_bytes())
    os.utime(model, ns=(0, 1))
    assert server.run(graph)["cached"] == []


def test_what_is_changed_by_others_is_not_taken_for_ours(server, tmp_path):
    graph = sample(seeds="0")
    graph["4"] = node("ImageInvert", image=["2", 0])
    graph["3"] = node("GanPluginSaveImages", images=["4", 0], folder="inverted")
    (entry,) = server.run(graph)["outputs"]["3"]["images"]
    with Image.open(io.BytesIO(server.fetch(entry))) as image:
        recipe = json.loads(image.text["ganplugin"])
    assert [call["class_type"] for call in recipe["graph"].values()] == ["ImageInvert"]


def test_a_run_is_stopped_in_the_middle(server):
    graph = {
        "1": node("GanPluginLoadModel", model="builtin:brushwork"),
        "2": node("GanPluginInterpolate", model=["1", 0], frames=20_000),
        "3": node("GanPluginSaveVideo", images=["2", 0], path="endless.webp"),
    }
    told = server.run(graph, interrupt=True)
    assert told["execution_interrupted"]["node_id"] == "2"
    assert "execution_error" not in told["events"]
    assert list(server.base.rglob("*endless*")) == []
    assert "execution_success" in server.run(sample(seeds="9"))["events"]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"truncation": 7.0}, "truncation", "bigger than max"),
        ({"seed": -1}, "seed", "smaller than min"),
        ({"truncation_cutoff": "many"}, "truncation_cutoff", "Failed to convert"),
        ({"noise": "loud"}, "noise", "'loud' is not one of constant, none, seeded"),
    ],
)
def test_bad_values_are_refused_before_anything_runs(server, change, field, message):
    answer = server.run(sample(seeds="0", **change))["answer"]
    errors = answer["node_errors"]["2"]["errors"]
    assert [error["extra_info"]["input_name"] for error in errors] == [field]
    assert message in errors[0]["message"] + errors[0]["details"]


def test_an_unknown_model_is_refused_with_the_nearest_name(server):
    graph = sample(seeds="0")
    for model in ("builtin:icon", "../../secret.onnx"):
        graph["1"]["inputs"]["model"] = model
        (error,) = server.run(graph)["answer"]["node_errors"]["1"]["errors"]
        assert f"there is no model '{model}'" in error["details"]
    graph["1"]["inputs"]["model"] = "builtin:icon"
    assert "did you mean 'builtin:icons'" in json.dumps(server.run(graph)["answer"])


def test_errors_of_a_node_are_one_line(server):
    error = server.run(sample(seeds="five"))["execution_error"]
    assert error["node_id"] == "2"
    assert "five" in error["exception_message"]
    assert "\n" not in error["exception_message"].strip()
    outside = sample(seeds="0")
    outside["3"]["inputs"]["folder"] = "../elsewhere"
    assert "is outside the output folder" in server.run(outside)["execution_error"]["exception_message"]


def test_words_help_and_examples_are_served(server):
    import urllib.request

    words = server.get("/i18n")
    assert set(words["zh"]["nodeDefs"]) >= {kind.id for kind in NODES}
    assert sorted(server.get("/workflow_templates")["ganplugin-nodes"]) == [path.stem for path in EXAMPLES]
    for kind in NODES:
        with urllib.request.urlopen(f"{server.url}/extensions/ganplugin-nodes/docs/{kind.id}.md") as page:
            assert kind.title in page.read().decode()


def test_a_picture_dropped_on_the_window_brings_its_graph_back(server, tmp_path):
    """Pictures of a headless run: PNG and WebP, and a workflow as the window saves it."""
    flow = tmp_path / "flow.json"
    flow.write_text(json.dumps(sample(seeds="5", seed=2)), encoding="utf-8")
    server.headless("graph", str(flow), cwd=tmp_path)
    server.headless("graph", str(flow), "--set", "3.format=webp", cwd=tmp_path)
    dropped = [drop(path) for path in sorted((tmp_path / "output" / "pictures").iterdir())]
    assert len(dropped) == 2
    for types, values in server.window(*dropped):
        assert types == ["GanPluginLoadModel", "GanPluginSample", "GanPluginSaveImages"]
        assert "5" in values
        assert 2 in values


def drop(path: Path) -> str:
    """Return the script that gives a file to the window and tells the nodes that are there afterwards."""
    import base64

    data = base64.b64encode(path.read_bytes()).decode()
    kind = f"image/{path.suffix.lstrip('.')}"
    return f"""(async () => {{
        app.graph.clear();
        const bytes = Uint8Array.from(atob("{data}"), letter => letter.charCodeAt(0));
        await app.handleFile(new File([bytes], "{path.name}", {{type: "{kind}"}}));
        await new Promise(done => setTimeout(done, 1500));
        const nodes = [...app.graph._nodes].sort((a, b) => a.type < b.type ? -1 : 1);
        const sample = nodes.find(node => node.type === "GanPluginSample");
        return [nodes.map(node => node.type), sample ? sample.widgets.map(widget => widget.value) : []];
    }})()"""
