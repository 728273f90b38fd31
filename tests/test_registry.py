from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.errors import InputError
from ganplugin.registry import Registry, did_you_mean


def test_entries_are_found_by_key_in_order() -> None:
    empty: Registry[int] = Registry("colour")
    full = empty.add("red", 1).add("green", 2)
    assert (full["red"], list(full), len(full), list(full.entries)) == (1, [1, 2], 2, ["red", "green"])
    assert (len(empty), list(empty)) == (0, [])


def test_an_entry_can_go_before_others() -> None:
    colours = Registry[int]("colour").add("red", 1).add("green", 2).add("blue", 3)
    assert list(colours.add("pink", 4, before=("blue", "green")).entries) == ["red", "pink", "green", "blue"]
    assert list(colours.add("pink", 4, before=("unknown",)).entries) == ["red", "green", "blue", "pink"]
    assert list(colours.add("pink", 4, before=("red",))) == [4, 1, 2, 3]


def test_a_key_is_registered_once_and_a_failure_changes_nothing() -> None:
    colours = Registry[int]("colour").add("red", 1)
    with pytest.raises(InputError, match="colour 'red' is registered twice"):
        colours.add("red", 2)
    assert dict(colours.entries) == {"red": 1}


def test_none_is_a_value() -> None:
    assert Registry[Any]("thing").add("nothing", None)["nothing"] is None


def test_an_unknown_key_names_the_nearest_or_all() -> None:
    colours = Registry[int]("colour").add("red", 1).add("green", 2)
    with pytest.raises(InputError, match=r"no colour 'gren' - did you mean 'green'\?"):
        colours["gren"]
    with pytest.raises(InputError, match="known: green, red"):
        colours["xyzzy"]


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True), st.text(max_size=8))
def test_a_suggestion_is_always_one_of_the_known(known: list[str], name: str) -> None:
    said = did_you_mean(name, known)
    assert any(repr(key) in said for key in known) or said == "known: " + ", ".join(sorted(known))


@given(st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=8), st.data())
def test_adding_keeps_the_order_of_the_others(keys: list[str], data: st.DataObject) -> None:
    table: Registry[int] = Registry("key")
    for number, key in enumerate(keys):
        before = tuple(data.draw(st.lists(st.sampled_from(keys), max_size=2)))
        older = [k for k in table.entries]  # noqa: C416
        table = table.add(key, number, before=before)
        assert [k for k in table.entries if k != key] == older
        assert all(list(table.entries).index(key) < list(table.entries).index(b) for b in before if b in older)
