"""Every declaration becomes an invocation with the same inputs, in the same order, with the same limits."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

import pytest

from ganplugin.hostpacks import PACKS
from ganplugin.nodes import NODES
from ganplugin.nodes.invokeai.fields import GanPluginLatentField, GanPluginModelField
from ganplugin.nodes.invokeai.registration import invocation_type
from ganplugin.nodes.ports import inputs_of, outputs_of, summary
from tests.nodes.invokeai.stand_in import ImageField, Input, UIComponent, WithBoard, WithMetadata

EACH = pytest.mark.parametrize("kind", NODES, ids=lambda kind: kind.id)
PYTHON = {"INT": int, "FLOAT": float, "TEXT": str, "BOOL": bool, "TEXTS": list[str], "FLOATS": list[float]}
SOCKETS = {"MODEL": GanPluginModelField, "LATENT": GanPluginLatentField}


def test_ids_are_words():
    assert [invocation_type(kind) for kind in NODES[:2]] == ["ganplugin_load_model", "ganplugin_sample"]


@EACH
def test_an_invocation_says_what_its_node_says(invokeai, kind):
    made = invokeai.invocations[invocation_type(kind)]
    assert (made.title, made.category, made.version) == (kind.title, kind.category, kind.version)
    assert made.kind.__doc__ == summary(kind)
    assert made.kind.__name__ == kind.id
    assert made.kind.__module__ == made.output.__module__ == "ganplugin_invokeai"
    assert "gan" in made.tags


@EACH
def test_inputs_are_those_of_the_node(invokeai, kind):
    fields = invokeai.invocations[invocation_type(kind)].kind.model_fields
    own = {name: field for name, field in fields.items() if name not in ("metadata", "board")}
    assert sorted(own, key=lambda name: own[name].json_schema_extra["order"]) == [port.name for port in inputs_of(kind)]
    for port in inputs_of(kind):
        field = own[port.name]
        bounds = {name: getattr(rule, name) for rule in field.metadata for name in ("ge", "le") if hasattr(rule, name)}
        assert field.description == port.help
        assert field.json_schema_extra["required"] == port.required
        assert field.default == port.default
        assert bounds == {name: value for name, value in (("ge", port.least), ("le", port.most)) if value is not None}
        assert field.json_schema_extra["input"] == (Input.Connection if port.type in SOCKETS else Input.Any)
        assert (field.json_schema_extra["component"] == UIComponent.Textarea) == (port.widget == "lines")


@EACH
def test_inputs_have_the_type_of_their_port(invokeai, kind):
    for port in inputs_of(kind):
        found = invokeai.invocations[invocation_type(kind)].kind.model_fields[port.name].annotation
        parts = set(get_args(found)) - {type(None)} or {found}
        if port.type == "CHOICE":
            assert get_origin(found) is Literal
            assert get_args(found) == port.choices
        elif port.type in ("IMAGE", "MASK"):
            assert parts == {ImageField, list[ImageField]}
        else:
            assert parts == {{**PYTHON, **SOCKETS}[port.type]}
        assert (type(None) in get_args(found)) == (port.is_socket and not port.required)


@EACH
def test_outputs_are_those_of_the_node(invokeai, kind):
    fields = invokeai.invocations[invocation_type(kind)].output.model_fields
    ports = outputs_of(kind)
    assert list(fields) == [port.name for port in ports]
    for port in ports:
        expected = list[ImageField] if port.type in ("IMAGE", "MASK") else {**PYTHON, **SOCKETS}[port.type]
        assert fields[port.name].annotation == expected
        assert fields[port.name].description == port.help


@EACH
def test_only_what_gives_the_same_again_is_cached(invokeai, kind):
    reads_or_writes = kind.writes or kind.__name__ in ("LoadModel", "LoadImages", "LoadLatents", "LoadVideo")
    assert invokeai.invocations[invocation_type(kind)].use_cache is not reads_or_writes


@EACH
def test_what_gives_pictures_has_a_board_and_metadata(invokeai, kind):
    made = invokeai.invocations[invocation_type(kind)].kind
    gives = any(port.type in ("IMAGE", "MASK") for port in outputs_of(kind))
    assert issubclass(made, WithBoard) == issubclass(made, WithMetadata) == gives


def test_the_line_of_the_pack_registers_under_the_name_that_it_is_loaded_by(invokeai):
    before = set(invokeai.invocations)
    exec(PACKS["invokeai"].line, {"__name__": PACKS["invokeai"].folder + "_2"})
    assert set(invokeai.invocations) == before
    assert {made.kind.__module__ for made in invokeai.invocations.values()} == {"ganplugin_invokeai_2"}
