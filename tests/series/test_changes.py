from __future__ import annotations

import pytest

from ganplugin.series.changes import differences


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b: 1 is now 2"]),
        ({"a": 1}, {}, ["a: 1 is now nothing"]),
        ({}, {"a": None}, ["a: nothing is now null"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["a.1: 2 is now 3"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a: [1, 2] is now [1]"]),
        ({"a": [{"b": "x"}]}, {"a": [{"b": "ü"}]}, ['a.0.b: "x" is now "ü"']),
        ({"a": {"b": 1}}, {"a": [1]}, ['a: {"b": 1} is now [1]']),
        ({"a": 1, "b": 2}, {"a": 3, "b": 4}, ["a: 1 is now 3", "b: 2 is now 4"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
    ],
)
def test_what_differs_is_named(old, new, words):
    assert list(differences(old, new)) == words


@pytest.mark.parametrize(("old", "new"), [(1, 1.0), (1, True), (0, False), (0.0, 0), ([0, 1], [0.0, 1.0])])
def test_equal_numbers_of_two_kinds_differ(old, new):
    """A range from 0 to 1 has two values, one from 0.0 to 1.0 has a thousand: they passed as the same."""
    assert old == new
    assert list(differences({"range": old}, {"range": new})) != []
    assert list(differences({"range": old}, {"range": old})) == []


def test_long_values_are_cut():
    (line,) = differences({"a": "x" * 500}, {"a": "y" * 500})
    assert len(line) < 140
    assert "..." in line
