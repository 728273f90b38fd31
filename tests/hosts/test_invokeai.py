"""The nodes in the real InvokeAI: what it shows, what it renders, what it refuses, and that it can be stopped.

Off unless ``GANPLUGIN_INVOKEAI=1``: the environment takes 2.7 GB and some minutes to make.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.nodes import NODES
from ganplugin.nodes.invokeai.hosting import HOME
from ganplugin.nodes.invokeai.registration import invocation_type, repeatable
from ganplugin.nodes.ports import inputs_of, outputs_of, summary
from tests.hosts.environments import made
from tests.hosts.invokeai_server import Refused, Server
from tests.source import load_script

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.skipif(
        os.environ.get("GANPLUGIN_INVOKEAI") != "1", reason="InvokeAI takes 2.7 GB: set GANPLUGIN_INVOKEAI=1"
    ),
]

EACH = pytest.mark.parametrize("kind", NODES, ids=lambda kind: kind.id)
FIELDS = {"MODEL": "GanPluginModelField", "LATENT": "GanPluginLatentField", "IMAGE": "ImageField", "MASK": "ImageField"}
JSON_TYPES = {"INT": "integer", "FLOAT": "number", "TEXT": "string", "BOOL": "boolean", "CHOICE": "string"}
LISTS = {"TEXTS": "string", "FLOATS": "number"}
DREAMS = {"type": "ganplugin_load_model", "model": "builtin:brushwork"}
WAVE = {"type": "ganplugin_load_model", "model": "builtin:great-wave"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    started = Server(made("invokeai"), tmp_path_factory.mktemp("invokeai"))
    with started.running():
        yield started


@pytest.fixture(scope="module")
def schemas(server):
    return server.call("/openapi.json")["components"]["schemas"]


def test_the_package_stands_beside_invokeais_own_pins(server):
    check = [server.python, "-m", "pip", "check"]
    run = subprocess.run(check, env=server.environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "ganplugin" in server.ganplugin("--version")


def test_all_nodes_are_in_the_pack(server):
    packs = server.call("/api/v2/custom_nodes/")["node_packs"]
    (ours,) = [pack for pack in packs if pack["name"] == "ganplugin_invokeai"]
    assert sorted(ours["node_types"]) == sorted(invocation_type(kind) for kind in NODES)


@EACH
def test_a_node_shows_what_its_class_declares(schemas, kind):
    shown = schemas[kind.id]
    assert (shown["title"], shown["version"], shown["category"]) == (kind.title, kind.version, kind.category)
    assert shown["description"] == summary(kind)
    assert shown["properties"]["type"]["const"] == invocation_type(kind)
    assert shown["properties"]["use_cache"]["default"] == repeatable(kind)
    assert shown["output"]["$ref"].endswith(f"/{kind.id}Output")
    gives_pictures = any(port.type in ("IMAGE", "MASK") for port in outputs_of(kind))
    assert {"board", "metadata"} & shown["properties"].keys() == ({"board", "metadata"} if gives_pictures else set())


@EACH
def test_inputs_show_order_range_default_and_help(schemas, kind):
    inputs = {name: field for name, field in schemas[kind.id]["properties"].items() if field["field_kind"] == "input"}
    assert sorted(inputs, key=lambda name: inputs[name]["ui_order"]) == [port.name for port in inputs_of(kind)]
    for port in inputs_of(kind):
        field = inputs[port.name]
        assert field["description"] == port.help
        assert field["orig_required"] == port.required
        assert field.get("orig_default") == port.default
        assert (field.get("minimum"), field.get("maximum")) == (port.least, port.most)
        assert tuple(field.get("enum", ())) == port.choices
        assert field["input"] == ("connection" if port.type in ("MODEL", "LATENT") else "any")
        if port.is_socket:
            assert FIELDS[port.type] in json.dumps(field["anyOf"])
        else:
            kinds = [part["type"] for part in field.get("anyOf", [field])]
            assert kinds[0] == JSON_TYPES[port.type]


@EACH
def test_outputs_are_those_of_the_node(schemas, kind):
    shown = schemas[f"{kind.id}Output"]["properties"]
    outputs = {name: field for name, field in shown.items() if field["field_kind"] == "output"}
    assert sorted(outputs, key=lambda name: outputs[name]["ui_order"]) == [port.name for port in outputs_of(kind)]
    for port in outputs_of(kind):
        field = outputs[port.name]
        assert field["description"] == port.help
        assert (field.get("type") == "array") == (port.type in ("IMAGE", "MASK", *LISTS))
        if port.type in FIELDS:
            assert FIELDS[port.type] in json.dumps(field)
        else:
            assert field.get("items", field)["type"] == {**JSON_TYPES, **LISTS}[port.type]


def headless(server, folder: Path, prompt: dict[str, object]) -> list[np.ndarray]:
    """Run a graph with our own command, in InvokeAI's environment, and return the pictures by name."""
    folder.mkdir(parents=True)
    (folder / "graph.json").write_text(json.dumps(prompt), encoding="utf-8")
    server.ganplugin("graph", "graph.json", "--out", "out", "--device", "cpu", here=folder)
    return [np.asarray(Image.open(path).copy()) for path in sorted((folder / "out").rglob("*.png"))]


def test_a_batch_of_seeds_is_sampled_and_painted_as_without_a_host(server, tmp_path):
    nodes = {
        "dreams": DREAMS,
        "sample": {"type": "ganplugin_sample", "seeds": "3,7", "truncation": 0.8},
        "wave": WAVE,
        "style": {"type": "ganplugin_style_transfer", "strength": 0.75},
    }
    links = [
        "dreams.model sample.model",
        "wave.model style.model",
        "sample.images style.images",
    ]
    shifts = [[{"node_path": "sample", "field_name": "seed", "items": [0, 100]}]]
    results = [server.outputs(item) for item in server.enqueue(nodes, links, shifts)]
    assert len(results) == 2
    first = min(results, key=lambda found: seeds_of(server, found["sample"]["images"]))
    for shift, found in ((0, first), (100, next(one for one in results if one is not first))):
        assert seeds_of(server, found["sample"]["images"]) == [3 + shift, 7 + shift]
        load = {"class_type": "GanPluginLoadModel", "inputs": {"model": "builtin:brushwork"}}
        sample = {"model": ["1", 0], "seeds": "3,7", "seed": shift, "truncation": 0.8}
        prompt = {
            "1": load,
            "2": {"class_type": "GanPluginSample", "inputs": sample},
            "3": {"class_type": "GanPluginSaveImages", "inputs": {"images": ["2", 0], "name": "{index}"}},
        }
        plain = headless(server, tmp_path / f"sample-{shift}", prompt)
        assert len(plain) == 2
        assert np.array_equal([server.pixels(field) for field in found["sample"]["images"]], plain)

        # Between two nodes InvokeAI keeps pictures with 8 bits a channel, as files are.
        paths = [str(server.root / "outputs" / "images" / f["image_name"]) for f in found["sample"]["images"]]
        style = {"model": ["1", 0], "images": ["2", 0], "strength": 0.75}
        prompt = {
            "1": {"class_type": "GanPluginLoadModel", "inputs": {"model": "builtin:great-wave"}},
            "2": {"class_type": "GanPluginLoadImages", "inputs": {"path": "\n".join(paths)}},
            "3": {"class_type": "GanPluginStyleTransfer", "inputs": style},
            "4": {"class_type": "GanPluginSaveImages", "inputs": {"images": ["3", 0], "name": "{index}"}},
        }
        painted = headless(server, tmp_path / f"style-{shift}", prompt)
        assert np.array_equal([server.pixels(field) for field in found["style"]["images"]], painted)
        assert not np.array_equal(painted, plain)


def seeds_of(server, fields) -> list[int]:
    return [server.call(f"/api/v1/images/i/{field['image_name']}/metadata")["seed"] for field in fields]


def test_every_picture_of_a_collection_may_go_its_own_way(server):
    nodes = {
        "dreams": DREAMS,
        "sample": {"type": "ganplugin_sample", "seeds": "1-3"},
        "each": {"type": "iterate"},
        "wave": WAVE,
        "style": {"type": "ganplugin_style_transfer"},
    }
    links = [
        "dreams.model sample.model",
        "sample.images each.collection",
        "each.item style.images",
        "wave.model style.model",
    ]
    (item,) = server.enqueue(nodes, links)
    found = server.ended(item)
    names = list(found["session"]["prepared_source_mapping"].values())
    assert found["status"] == "completed", found.get("error_message")
    assert names.count("style") == 3


def test_latents_go_over_links(server):
    nodes = {
        "dreams": DREAMS,
        "first": {"type": "ganplugin_sample", "seeds": "5,6"},
        "mix": {"type": "ganplugin_mix_styles"},
        "same": {"type": "ganplugin_sample"},
    }
    links = ["first.latents mix.a", "first.latents mix.b", "mix.latents same.latents"]
    links += [f"dreams.model {name}.model" for name in ("first", "mix", "same")]
    found = server.outputs(server.enqueue(nodes, links)[0])
    pixels = [[server.pixels(field) for field in found[name]["images"]] for name in ("first", "same")]
    assert np.array_equal(*pixels)


def test_pictures_go_to_boards_and_say_how_to_make_them_again(server, tmp_path):
    board = server.call("/api/v1/boards/?board_name=dreams", method="POST")["board_id"]
    sample = {"type": "ganplugin_sample", "seeds": "11", "board": {"board_id": board}}
    found = server.outputs(server.enqueue({"dreams": DREAMS, "sample": sample}, ["dreams.model sample.model"])[0])
    (field,) = found["sample"]["images"]
    assert server.call(f"/api/v1/boards/{board}/image_names") == [field["image_name"]]
    picture = tmp_path / "gallery.png"
    picture.write_bytes(server.picture(field["image_name"]))
    server.ganplugin("again", picture, "--out", tmp_path / "again.png")
    with Image.open(tmp_path / "again.png") as again:
        assert np.array_equal(np.asarray(again), server.pixels(field))
        assert {"invokeai_metadata", "invokeai_graph"} <= again.info.keys()


@pytest.mark.parametrize(
    ("name", "value"), [("truncation", 7), ("noise", "loud"), ("seed", -1), ("truncation_cutoff", "many")]
)
def test_a_bad_value_is_refused_naming_the_field(server, name, value):
    nodes = {"dreams": DREAMS, "sample": {"type": "ganplugin_sample", name: value}}
    with pytest.raises(Refused) as refused:
        server.enqueue(nodes, ["dreams.model sample.model"])
    assert refused.value.status == 422
    assert refused.value.body["detail"][0]["loc"][-2:] == ["ganplugin_sample", name]


def test_an_error_is_its_one_line(server):
    nodes = {"dreams": DREAMS, "sample": {"type": "ganplugin_sample", "label": "dog"}}
    found = server.ended(server.enqueue(nodes, ["dreams.model sample.model"])[0])
    assert found["status"] == "failed"
    assert found["error_type"] == "InputError"
    assert found["error_message"] == "label 'dog': this network knows no classes - leave the label out"


def test_progress_is_seen_and_a_run_is_cancelled_in_flight(server):
    nodes = {"dreams": DREAMS, "walk": {"type": "ganplugin_interpolate", "frames": 5000}}
    with server.events() as events:
        (item,) = server.enqueue(nodes, ["dreams.model walk.model"])
        for _ in range(600):
            progress = [data for data in events.named("invocation_progress") if data["message"] == "Rendering"]
            if any(data["image"] for data in progress) and len(progress) > 4:
                break
            time.sleep(0.1)
        server.call(f"/api/v1/queue/default/i/{item}/cancel", method="PUT")
        server.idle()
        time.sleep(1)  # for events that are on their way
        seen = len(events.named("invocation_progress"))
        time.sleep(1)
        assert len(events.named("invocation_progress")) == seen
    shares = [data["percentage"] for data in progress]
    assert shares == sorted(shares)
    assert 0 < shares[-1] < 0.9
    shown = next(data["image"] for data in progress if data["image"])
    assert (shown["width"], shown["height"]) == (64, 64)
    assert shown["dataURL"].startswith("data:image/jpeg;base64,")
    ended = server.ended(item)
    assert ended["status"] == "canceled"
    assert not ended.get("error_message")


WORKFLOWS = load_script("invokeai_workflows").pages()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_an_example_workflow_is_taken_and_runs(server, path):
    installed = server.root / "nodes" / "ganplugin_invokeai" / "workflows" / path.name
    workflow = json.loads(installed.read_text(encoding="utf-8"))
    kept = server.call("/api/v1/workflows/", {"workflow": workflow})
    assert kept["workflow"]["nodes"] == workflow["nodes"]
    nodes = {}
    for node in workflow["nodes"]:
        values = {name: field["value"] for name, field in node["data"]["inputs"].items() if "value" in field}
        nodes[node["id"]] = {"type": node["data"]["type"], "is_intermediate": node["data"]["isIntermediate"], **values}
    links = [f"{e['source']}.{e['sourceHandle']} {e['target']}.{e['targetHandle']}" for e in workflow["edges"]]
    found = server.outputs(server.enqueue(nodes, links)[0])
    assert found.keys() == nodes.keys()
    last = found[workflow["nodes"][-1]["id"]]
    assert last.get("images") or Path(last["path"]).is_relative_to(server.root / HOME / "outputs")
