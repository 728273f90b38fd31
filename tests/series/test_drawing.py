from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.errors import FileError, InputError
from ganplugin.series.drawing import check_template, filled
from tests.series.kit import plan_of


def drawn(traits: dict, count: int = 8, **fields) -> list[dict]:
    plan = plan_of(traits=traits, edition=count, **fields)
    return [dict(plan[index].named) for index in range(count)]


def column(traits: dict, name: str, count: int = 8, **fields) -> list:
    return [values[name] for values in drawn(traits, count, **fields)]


def test_a_piece_is_the_same_in_an_edition_of_any_size(home):
    traits = {
        "Seed": {"set": "make.seeds", "seeds": "any"}, "Mood": {"range": [0.0, 1.0]}, "Sky": {"choose": {"a": 1}},
        "Photo": {"pictures": "photos", "order": "random"},
    }  # fmt: skip
    small, large = (plan_of(traits=traits, edition=count) for count in (100, 10_000))
    assert small[73] == large[73]
    assert small[73].digest == large[73].digest


def test_another_trait_changes_no_draw(home):
    alone = column({"Mood": {"range": [0, 9]}}, "Mood")
    assert column({"Sky": {"choose": ["a", "b"]}, "Mood": {"range": [0, 9]}}, "Mood") == alone
    assert column({"Mood": {"range": [0, 9]}}, "Mood", seed=1) != alone


def test_seeds_come_once_each(home):
    assert sorted(column({"S": {"seeds": "10-17"}}, "S")) == list(range(10, 18))
    assert column({"S": {"seeds": "3,1,10-15", "in_order": True}}, "S") == [3, 1, 10, 11, 12, 13, 14, 15]
    walks = column({"S": {"seeds": "0-31", "count": 4}}, "S")
    assert sorted(int(seed) for walk in walks for seed in walk.split(",")) == list(range(32))


def test_too_few_seeds_are_named_before_anything_is_rendered(home):
    with pytest.raises(InputError, match=r"traits.S: 5 seeds are not enough for piece 7 - seeds: any"):
        plan_of(traits={"S": {"set": "make.seeds", "seeds": "0-4"}}, edition=8)


@given(st.integers(-50, 50), st.integers(0, 50), st.integers(0, 2**32 - 1))
def test_a_range_of_whole_numbers_stays_whole_and_inside(low, width, seed):
    from ganplugin.series.traits import Range

    trait = Range(range=(low, low + width))
    values = {trait.at(draw) for draw in (0.0, 0.5, 1 - 2**-53)}
    assert all(isinstance(value, int) and low <= value <= low + width for value in values)
    assert {low, low + width} <= values


def test_a_range_of_numbers_is_rounded_as_asked(home):
    assert all(0 <= value <= 1 and round(value, 3) == value for value in column({"A": {"range": [0.0, 1.0]}}, "A"))
    assert all(round(value, 1) == value for value in column({"A": {"range": [0, 1], "decimals": 1}}, "A"))
    assert set(column({"A": {"range": [5, 5]}}, "A")) == {5}


def test_a_logarithmic_range_has_as_many_below_the_middle_as_above(home):
    values = column({"A": {"range": [1.0, 10_000.0], "scale": "log"}}, "A", 400)
    assert 150 < sum(value < 100 for value in values) < 250
    whole = column({"A": {"range": [1, 1000], "scale": "log"}}, "A", 400)
    assert all(isinstance(value, int) and 1 <= value <= 1000 for value in whole)


def test_rare_values_are_rare_and_shown_by_their_names(home):
    choice = [{"value": 1, "weight": 9, "name": "common"}, {"value": 2, "weight": 1, "name": "rare"}]
    counts = Counter(column({"A": {"choose": choice}}, "A", 500))
    assert set(counts) == {"common", "rare"}
    assert 25 < counts["rare"] < 75


def test_sweeps_give_every_combination_the_last_fastest(home):
    traits = {"A": {"sweep": ["x", "y"]}, "B": {"sweep": [1, 2, 3]}}
    plan = plan_of(traits=traits, edition=None)
    assert len(plan) == 6
    assert [tuple(piece.traits.values()) for piece in plan] == [(a, b) for a in "xy" for b in (1, 2, 3)]
    assert column(traits, "B", 8)[6:] == [1, 2]


def test_rows_are_taken_one_after_another(home):
    (home / "rows.csv").write_text('name,truncation\n"a, b",0.5\nc,1\n', encoding="utf-8-sig")
    traits = {"Name": {"column": "name"}, "T": {"column": "truncation", "set": "make.truncation"}}
    plan = plan_of(traits=traits, rows="rows.csv", edition=None)
    assert [(piece.traits["Name"], piece.changes["make.truncation"]) for piece in plan] == [("a, b", 0.5), ("c", 1)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name\n", "has no rows"),
        ("name,name\na,b\n", "names a column twice"),
        ("name,x\na\n", "row 2 has 1 values, not 2"),
        ('name\n"a\n', "is no CSV file"),
        ("title\na\n", "has no column 'name'"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(home, text, words):
    (home / "rows.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        plan_of(traits={"Name": {"column": "name"}}, rows="rows.csv", edition=None)


def test_a_column_needs_a_table(home):
    with pytest.raises(InputError, match="no CSV file is named"):
        plan_of(traits={"Name": {"column": "name"}})
    with pytest.raises(FileError, match=r"none\.csv"):
        plan_of(traits={"Name": {"column": "name"}}, rows="none.csv")


def test_pictures_are_taken_by_name_shuffled_or_at_random(home):
    traits = {"Photo": {"pictures": "photos"}}
    assert [piece.traits["Photo"] for piece in plan_of(traits=traits, edition=None)] == ["cat", "dog"]
    assert column(traits, "Photo", 3) == ["cat", "dog", "cat"]
    shuffled = column({"Photo": {"pictures": "photos/*.png", "order": "shuffled"}}, "Photo", 4)
    assert sorted(shuffled[:2]) == ["cat", "dog"]
    assert shuffled[:2] == shuffled[2:]
    assert set(column({"Photo": {"pictures": "photos", "order": "random"}}, "Photo", 30)) == {"cat", "dog"}
    with pytest.raises(FileError, match="no such file or folder"):
        plan_of(traits={"Photo": {"pictures": "nowhere"}})


def test_texts_hold_the_traits_above_them(home):
    traits = {"A": {"sweep": ["x", "y"]}, "B": {"text": "{A} no. {number} of {index:03}"}}
    assert column(traits, "B", 2) == ["x no. 1 of 000", "y no. 2 of 001"]
    with pytest.raises(InputError, match=r"traits.B.text: there is no \{C\}"):
        plan_of(traits={"B": {"text": "{C}"}, "C": {"index": 1}})


def test_an_index_counts(home):
    assert column({"N": {"index": 5, "step": -2}}, "N", 3) == [5, 3, 1]


@pytest.mark.parametrize("template", ["{", "}", "{}", "{a:}", "{a:x}", "{a:000}", "{{a}}"])
def test_stray_braces_are_refused(template):
    with pytest.raises(InputError, match=r"braces|there is no"):
        check_template(template, ("a",), where="name")


def test_values_go_into_templates_with_zeros_in_front():
    assert filled("{a:05}-{b}-{a}", {"a": 7, "b": "x y"}) == "00007-x y-7"
