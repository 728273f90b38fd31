"""What ComfyUI is told of the nodes, by either of its interfaces, is what the declarations say."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from ganplugin.nodes import NODES, LoadModel, Sample
from ganplugin.nodes.base import Node
from ganplugin.nodes.ports import Port, inputs_of, outputs_of, summary
from ganplugin.nodes.workflows import COMFYUI_TYPES
from tests.nodes.comfyui.stand_in import run_v3

EACH = pytest.mark.parametrize("kind", NODES, ids=lambda kind: kind.id)
OLD = pytest.mark.parametrize("comfy", [False], indirect=True, ids=["v1"])
LISTS = ("IMAGE", "MASK", "FLOATS")


def classic(comfy, kind: type[Node]) -> Any:
    return comfy.module("classic").NODE_CLASS_MAPPINGS[kind.id]


def schema(comfy, kind: type[Node]) -> Any:
    extension = comfy.module("extension")
    asyncio.run(extension.comfy_entrypoint())
    return extension.v3_node(kind).define_schema()


def choices_of(comfy, port: Port) -> list[str]:
    return list(comfy.module("model_picker").model_names() if port.widget == "model" else port.choices)


def check_options(port: Port, options: dict[str, Any]) -> None:
    """Raise unless a widget's options are the port's own."""
    assert options.get("tooltip") == port.help
    plain = not port.is_socket and not port.required
    assert options.get("default") == (port.default if plain else None)
    assert (options.get("min"), options.get("max")) == (
        (port.least, port.most) if port.type in ("INT", "FLOAT") else (None, None)
    )
    assert bool(options.get("control_after_generate")) == (port.widget == "seed")
    assert bool(options.get("multiline")) == (port.widget == "lines")


def takes_pictures(kind: type[Node]) -> bool:
    return any(port.type in ("IMAGE", "MASK") for port in inputs_of(kind))


@EACH
def test_the_v1_table_agrees_with_the_declaration(comfy, kind):
    node = classic(comfy, kind)
    outputs = outputs_of(kind)
    assert tuple(port.name for port in outputs) == node.RETURN_NAMES
    assert tuple(COMFYUI_TYPES[port.type] for port in outputs) == node.RETURN_TYPES
    assert tuple(port.help for port in outputs) == node.OUTPUT_TOOLTIPS
    assert tuple(port.type in LISTS for port in outputs) == node.OUTPUT_IS_LIST
    assert takes_pictures(kind) == node.INPUT_IS_LIST
    assert (kind.writes, summary(kind), "ganplugin") == (node.OUTPUT_NODE, node.DESCRIPTION, node.CATEGORY)
    assert callable(getattr(node, node.FUNCTION))


@EACH
def test_the_v1_inputs_agree_with_the_declaration(comfy, kind):
    table = classic(comfy, kind).INPUT_TYPES()
    ports = inputs_of(kind)
    assert list(table["required"]) == [port.name for port in ports if port.required]
    assert list(table["optional"]) == [port.name for port in ports if not port.required]
    assert set(table["hidden"].values()) == {"UNIQUE_ID", "PROMPT", "EXTRA_PNGINFO"}
    for port in ports:
        declared, options = {**table["required"], **table["optional"]}[port.name]
        combo = port.type == "CHOICE" or port.widget == "model"
        assert declared == (choices_of(comfy, port) if combo else COMFYUI_TYPES[port.type])
        check_options(port, options)


@EACH
def test_the_v3_schema_agrees_with_the_declaration(comfy, kind):
    found = schema(comfy, kind)
    assert (found.node_id, found.display_name) == (kind.id, kind.title)
    assert (found.category, found.description) == ("ganplugin", summary(kind))
    assert (found.is_input_list, found.is_output_node) == (takes_pictures(kind), kind.writes)
    assert {hidden.name for hidden in found.hidden} == {"unique_id", "prompt", "extra_pnginfo"}
    for output, port in zip(found.outputs, outputs_of(kind), strict=True):
        assert (output.display_name, output.tooltip) == (port.name, port.help)
        assert (output.type, output.is_output_list) == (COMFYUI_TYPES[port.type], port.type in LISTS)


@EACH
def test_the_v3_inputs_agree_with_the_declaration(comfy, kind):
    found = schema(comfy, kind)
    for made, port in zip(found.inputs, inputs_of(kind), strict=True):
        assert (made.id, made.optional) == (port.name, not port.required)
        combo = port.type == "CHOICE" or port.widget == "model"
        assert made.type == ("COMBO" if combo else COMFYUI_TYPES[port.type])
        assert getattr(made, "options", None) == (choices_of(comfy, port) if combo else None)
        check_options(port, vars(made))


@EACH
def test_no_two_sockets_of_a_node_share_an_id(comfy, kind):
    found = schema(comfy, kind)
    ids = [socket.id for socket in (*found.inputs, *found.outputs)]
    assert len(ids) == len(set(ids))


def choices(kind: type[Node]) -> list[Port]:
    return [port for port in inputs_of(kind) if port.type == "CHOICE"]


@EACH
def test_only_nodes_that_need_them_have_extra_methods(comfy, kind):
    old, new = classic(comfy, kind), comfy.module("extension").v3_node(kind)
    assert hasattr(old, "IS_CHANGED") == hasattr(new, "fingerprint_inputs")
    assert hasattr(old, "VALIDATE_INPUTS") == (kind is LoadModel)
    assert hasattr(new, "validate_inputs") == (kind is LoadModel or bool(choices(kind)))


@pytest.mark.parametrize("kind", [kind for kind in NODES if choices(kind)], ids=lambda kind: kind.id)
def test_a_v3_node_refuses_what_is_no_choice(comfy, kind):
    check = comfy.module("extension").v3_node(kind).validate_inputs
    assert list(inspect.signature(check).parameters) == [port.name for port in choices(kind)]
    for port in choices(kind):
        assert check(**{port.name: None}) is True  # over a link
        assert all(check(**{port.name: choice}) is check(**{port.name: [choice]}) is True for choice in port.choices)
        for wrong in ("loud", ["loud"]):
            assert check(**{port.name: wrong}).startswith(f"{port.name}: 'loud' is not one of {port.choices[0]}")


def test_every_node_has_its_title_in_v1(comfy):
    tables = comfy.module("classic")
    assert list(tables.NODE_CLASS_MAPPINGS) == [kind.id for kind in NODES]
    assert {kind.id: kind.title for kind in NODES} == tables.NODE_DISPLAY_NAME_MAPPINGS


def test_a_new_comfyui_gets_the_v3_entry_point_alone(comfy):
    pack = comfy.module("pack")
    assert set(pack.__all__) == {"WEB_DIRECTORY", "comfy_entrypoint"}
    assert not hasattr(pack, "NODE_CLASS_MAPPINGS")
    extension = asyncio.run(pack.comfy_entrypoint())
    nodes = asyncio.run(extension.get_node_list())
    assert [node.define_schema().node_id for node in nodes] == [kind.id for kind in NODES]


@OLD
def test_an_old_comfyui_gets_the_v1_tables_alone(comfy):
    pack = comfy.module("pack")
    assert set(pack.__all__) == {"WEB_DIRECTORY", "NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"}
    assert not hasattr(pack, "comfy_entrypoint")
    assert list(pack.NODE_CLASS_MAPPINGS) == [kind.id for kind in NODES]


def test_a_comfyui_whose_v3_interface_is_unfinished_gets_the_v1_tables(comfy, monkeypatch):
    from comfy_api import latest

    monkeypatch.delattr(latest.io, "ComfyNode")
    assert "NODE_CLASS_MAPPINGS" in comfy.module("pack").__all__


def test_both_interfaces_give_the_same_pictures(comfy):
    v3 = comfy.module("extension")
    hidden = {"unique_id": "1", "prompt": {}, "extra_pnginfo": None}
    asyncio.run(v3.comfy_entrypoint())
    (model,) = run_v3(LoadModel, v3.v3_node(LoadModel), hidden, model="full.onnx", device="cpu").args
    new = run_v3(Sample, v3.v3_node(Sample), hidden, model=model, seeds="1-2")
    old = classic(comfy, Sample)().run(model=model, seeds="1-2")
    assert (new.args[0][0] == old["result"][0][0]).all()
    assert new.ui is None
    assert "ui" not in old
