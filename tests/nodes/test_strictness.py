"""Every field of every node refuses everything but its own kind of value, by one `InputError` that names it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from pydantic_core import PydanticUndefined

from ganplugin.errors import InputError
from ganplugin.nodes import NODES, Images, LatentBatch, LoadedModel, Node
from ganplugin.nodes.ports import inputs_of, port_named
from ganplugin.nodes.values import Masks
from tests.nodes.kit import latents, sequence, stub_model

LINKS: dict[str, Any] = {
    "MODEL": stub_model(),
    "IMAGE": sequence([]),
    "LATENT": latents(np.zeros((1, 4), np.float32)),
}
LINKS["MASK"] = Masks(0, LINKS["IMAGE"].render, LINKS["IMAGE"].origin, LINKS["IMAGE"].recipe)
FIELDS = [(node, name) for node in NODES for name in node.model_fields]


def socket_of(node: type[Node], name: str) -> str | None:
    port = port_named(inputs_of(node), name)
    assert port is not None
    return port.type if port.is_socket else None


def good(node: type[Node]) -> dict[str, Any]:
    """The least that a node takes."""
    found: dict[str, Any] = {}
    for name, field in node.model_fields.items():
        if field.is_required():
            socket = socket_of(node, name)
            found[name] = "x" if socket is None else LINKS[socket]
    return found


def bound(field: Any, rule: str) -> Any:
    return next((getattr(item, rule) for item in field.metadata if hasattr(item, rule)), None)


def wrong_values(node: type[Node], name: str) -> Iterator[object]:
    field = node.model_fields[name]
    kind, socket = field.annotation, socket_of(node, name)
    if socket is not None:
        yield from (value for other, value in LINKS.items() if other != socket and (other, socket) != ("MASK", "IMAGE"))
        yield from ("1", 1, True, ["1", 0], {})
    elif kind is bool:
        yield from (1, 0, "true", "yes", 1.0, math.nan, None, [])
    elif kind is str:
        yield from (1, True, 1.5, math.nan, None, b"x", ["x"])
        if bound(field, "min_length"):
            yield ""
    elif get_origin(kind) is Literal:
        yield from ("nonsense", "", get_args(kind)[0].upper(), 0, True, None, math.nan)
    elif kind in (int, float):
        yield from ("3", "", True, False, None, [3], math.nan, math.inf, -math.inf)
        yield from (bound(field, "ge") - 1, bound(field, "le") + 1)
        if kind is int:
            yield from (1.5, 2**64)
    else:
        raise AssertionError(f"{node.id}.{name}: {kind} has no row in this table")
    if socket is not None and field.is_required():
        yield None


@pytest.mark.parametrize(("node", "name"), FIELDS, ids=[f"{node.__name__}.{name}" for node, name in FIELDS])
def test_wrong_values_are_refused_by_field(node, name):
    node(**good(node))
    for value in wrong_values(node, name):
        with pytest.raises(InputError) as refused:
            node(**{**good(node), name: value})
        assert refused.value.where == node.id, repr(value)
        assert refused.value.what.startswith(f"{name}: "), repr(value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("node", "name"), FIELDS, ids=[f"{node.__name__}.{name}" for node, name in FIELDS])
def test_defaults_and_the_ends_of_ranges_are_taken(node, name):
    field = node.model_fields[name]
    values = [bound(field, "ge"), bound(field, "le")]
    if field.default is not PydanticUndefined:
        values.append(field.default)
    values += get_args(field.annotation) if get_origin(field.annotation) is Literal else []
    for value in values:
        if value is not None:
            made = node(**{**good(node), name: float(value) if field.annotation is float else value})
            assert getattr(made, name) == value


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_unknown_and_missing_inputs_are_named(node):
    for unknown in ("nonsense", "self", "__init__", ""):
        with pytest.raises(InputError, match=f"{node.id}.*inputs are ") as refused:
            node(**{**good(node), unknown: 1})
        assert refused.value.what.startswith(f"{unknown}: ")
    for name in good(node):
        rest = {key: value for key, value in good(node).items() if key != name}
        with pytest.raises(InputError, match=node.id) as refused:
            node(**rest)
        assert refused.value.what == f"{name}: field required"


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_a_call_cannot_be_changed(node):
    made = node(**good(node))
    with pytest.raises(ValueError, match="frozen"):
        setattr(made, next(iter(node.model_fields)), "x")


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_nodes_are_declared_in_full(node):
    assert node.id.startswith("GanPlugin")
    assert node.title
    assert node.__doc__
    assert node.unrecorded <= set(node.model_fields)
    for name, field in node.model_fields.items():
        assert field.description, name
        if field.annotation in (int, float):
            assert bound(field, "ge") is not None, name
            assert bound(field, "le") is not None, name
    assert node.Outputs.model_fields


def test_links_know_their_sockets():
    assert socket_of(NODES[1], "model") == "MODEL"
    assert socket_of(NODES[1], "latents") == "LATENT"
    assert socket_of(NODES[1], "seeds") is None
    assert {type(value) for value in LINKS.values()} == {LoadedModel, Images, Masks, LatentBatch}
