from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ganplugin.errors import ModelError
from ganplugin.manifest import HyperParameter, Manifest, Source, Verification, parse_manifest

FULL = Manifest(
    kind="generator",
    family="stylegan2",
    name="faces",
    width=64,
    height=64,
    z_dim=512,
    w_dim=512,
    num_ws=10,
    classes=("cat", "dog"),
    licence="CC0",
    source=Source(file="faces.pkl", sha256="0" * 64),
    inferred=(HyperParameter(name="n_mlp", value=8, origin="tensor"),),
    exporter="ganplugin 0.1.0",
    training={"steps": 1000, "data": "emoji", "rate": 0.5},
    verification=Verification(max_error=1e-6, tolerance=1e-4, cases=12, runtime="1.20.0", reference="2.10.0"),
)


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(FULL.to_json()) | fields)


def test_a_manifest_comes_back_as_it_was() -> None:
    assert parse_manifest(FULL.to_json(), where="a.onnx") == FULL
    least = Manifest(kind="style", family="quick", name="wave")
    assert parse_manifest(least.to_json(), where="a.onnx") == least


@given(
    st.sampled_from(["generator", "style", "scorer"]),
    st.text(min_size=1, max_size=40),
    st.none() | st.integers(1, 2**40),
    st.lists(st.text(max_size=10), max_size=4),
)
def test_any_manifest_comes_back(kind: Any, name: str, z_dim: int | None, classes: list[str]) -> None:
    manifest = Manifest(kind=kind, family="dcgan", name=name, z_dim=z_dim, classes=tuple(classes))
    assert parse_manifest(manifest.to_json(), where="a.onnx") == manifest


def test_a_manifest_from_before_upscalers_enlarges_nothing() -> None:
    older = {name: value for name, value in json.loads(FULL.to_json()).items() if name != "scale"}
    assert parse_manifest(json.dumps(older), where="a.onnx") == FULL
    assert FULL.scale == 1


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        FULL.name = "other"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (changed(kind="painter"), "kind"),
        (changed(schema_version=2), "schema_version"),
        (changed(width="64"), "width"),
        (changed(width=0), "width"),
        (changed(z_dim=True), "z_dim"),
        (changed(z_dim=1.0), "z_dim"),
        (changed(scale=0), "scale"),
        (changed(scale=17), "scale"),
        (changed(scale=1.5), "scale"),
        (changed(name=""), "name"),
        (changed(name="n" * 101), "name"),
        (changed(source={"file": "a", "sha256": "0" * 63}), "source.sha256"),
        (changed(surprise=1), "surprise"),
        (changed(classes=[1]), "classes.0"),
        (changed(verification={"max_error": -1}), "verification"),
        ("{", "manifest"),
        ("[]", "manifest"),
        ("", "manifest"),
        ("null", "manifest"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(text: str, field: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse_manifest(text, where="a.onnx")
    message = str(caught.value)
    assert message.startswith("a.onnx: its manifest is not valid at ")
    assert f"at {field}" in message
    assert "ganplugin export" in message
    assert "\n" not in message


def test_a_bare_minimum_is_demanded() -> None:
    for missing in ("kind", "family", "name"):
        fields = json.loads(FULL.to_json())
        del fields[missing]
        with pytest.raises(ModelError, match=missing):
            parse_manifest(json.dumps(fields), where="a.onnx")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(number: str) -> None:
    text = FULL.to_json().replace("1e-6", number).replace("1e-06", number)
    assert number in text
    with pytest.raises(ModelError, match="not valid"):
        parse_manifest(text, where="a.onnx")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_any_json_is_a_manifest_or_a_model_error(value: Any) -> None:
    with pytest.raises(ModelError):
        parse_manifest(json.dumps(value), where="a.onnx")
