from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.errors import InputError
from ganplugin.series.yaml_text import parse_yaml

SCALARS = [
    ("yes", "yes"), ("on", "on"), ("12:30", "12:30"), ("0-9", "0-9"), ("007", "007"), ("1_000", "1_000"),
    ("2026-11-27", "2026-11-27"), ("true", True), ("False", False), ("7", 7), ("-3", -3), ("1e-3", 1e-3), (".5", 0.5),
    ("~", None), ("", None), ("'7'", "7"), ("0x10", "0x10"), ("1.", 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_words_mean_what_yaml_1_2_says(text, value):
    found = parse_yaml(f"a: {text}", "x").value["a"]
    assert found == value
    assert type(found) is type(value)


def test_every_value_knows_its_line():
    text = parse_yaml("a:\n  - b: 1\n  - c:\n      d: 2\n", "x")
    assert text.value == {"a": [{"b": 1}, {"c": {"d": 2}}]}
    assert text.line(("a", 1, "c", "d")) == 4
    assert text.line(("a", 1, "nothing")) == 3
    assert text.line(("nothing",)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2", "'a' is there twice (line 2)"),
        ("a: [1", "is no YAML"),
        ("a: !!python/object:os.system x", "line 1"),
        ("a: !!int x", "line 1"),
        ("\ta: 1", "is no YAML"),
        ("a: 1\n---\nb: 2", "is no YAML"),
        ("a: \x00", "is no YAML"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_line(text, words):
    with pytest.raises(InputError) as error:
        parse_yaml(text, "tides.yaml")
    assert str(error.value).startswith("tides.yaml: ")
    assert words in str(error.value)


def test_an_alias_is_a_copy():
    assert parse_yaml("a: &x {b: 1}\nc: *x", "x").value == {"a": {"b": 1}, "c": {"b": 1}}


def test_bombs_are_refused():
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    with pytest.raises(InputError, match="holds too much"):
        parse_yaml(bomb, "x")


def test_circles_are_refused():
    with pytest.raises(InputError, match="goes too deep"):
        parse_yaml("a: &a [*a]", "x")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    try:
        parse_yaml(text, "x")
    except InputError as error:
        assert "x" in str(error)
