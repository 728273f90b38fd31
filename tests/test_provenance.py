from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ganplugin.errors import ImageError
from ganplugin.images import read_text, write_picture
from ganplugin.provenance import TEXT_KEY, Provenance, parse_provenance

DIGEST = "ab" * 32
GRAPH: dict[str, Any] = {
    "2": {"class_type": "GanPluginSample", "inputs": {"model": ["1", 0], "seeds": "0-3", "truncation": 0.7}},
    "1": {"class_type": "GanPluginLoadModel", "inputs": {"model": "builtin:icons"}},
}


def record(**changes: Any) -> Provenance:
    fields: dict[str, Any] = {
        "graph": GRAPH,
        "output": ["2", 0],
        "index": 3,
        "seed": 3,
        "models": {"builtin:icons": DIGEST},
        "inputs": {"photo.jpg": DIGEST},
        "provider": "CPUExecutionProvider",
        "threads": 2,
        "versions": {"ganplugin": "0.1.0", "numpy": "2.0.0"},
        "format": "png",
    }
    return Provenance.model_validate_json(json.dumps(fields | changes))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_it_travels_in_a_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_picture(np.zeros((4, 4, 3), np.float32), path, text=record().to_text())
    assert parse_provenance(read_text(path), where=path) == record()


def test_the_text_is_compact_sorted_and_independent_of_order() -> None:
    text = record().to_text()
    turned = record(graph=dict(reversed(GRAPH.items()))).to_text()
    assert list(text) == [TEXT_KEY]
    assert text == turned
    assert text[TEXT_KEY] == json.dumps(json.loads(text[TEXT_KEY]), sort_keys=True, separators=(",", ":"))


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**53), 2**53)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=8),
            lambda values: st.lists(values, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_any_inputs_come_back(inputs: dict[str, Any]) -> None:
    made = record(graph={"1": {"class_type": "Any", "inputs": inputs}}, output=["1", 0])
    assert parse_provenance(made.to_text()) == made


@pytest.mark.parametrize(
    "change",
    [
        {"graph": {}},
        {"index": -1},
        {"index": "3"},
        {"seed": 2**32},
        {"models": {"a": "short"}},
        {"threads": 1.5},
        {"schema_version": 2},
        {"unknown": 1},
        {"output": ["2"]},
        {"graph": {"1": {"class_type": "", "inputs": {}}}},
    ],
)
def test_wrong_fields_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        record(**change)


def test_numbers_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(ValidationError):
        Provenance.model_validate(record().model_dump() | {"threads": float("nan")})


def test_a_picture_without_provenance_is_told_from_a_damaged_one() -> None:
    with pytest.raises(ImageError, match=r"a\.png: was not made by ganplugin"):
        parse_provenance({"prompt": "{}"}, where="a.png")
    for damaged in ("", "{", "[]", "{}", json.dumps(json.loads(record().to_text()[TEXT_KEY]) | {"schema_version": 9})):
        with pytest.raises(ImageError, match=r"a\.png: its provenance cannot be read") as caught:
            parse_provenance({TEXT_KEY: damaged}, where="a.png")
        assert "\n" not in str(caught.value)
    with pytest.raises(ImageError, match="too long"):
        parse_provenance({TEXT_KEY: "x" * (17 << 20)})


def test_a_record_in_invokeais_metadata_is_found_and_other_metadata_is_none() -> None:
    made = record()
    metadata = json.dumps({"seed": 3, **made.to_text()})
    assert parse_provenance({"invokeai_metadata": metadata}) == made
    for other in ("", "{", "[]", "{}", json.dumps({TEXT_KEY: 3}), "[" * 100_000):
        with pytest.raises(ImageError, match="was not made by ganplugin"):
            parse_provenance({"invokeai_metadata": other})
