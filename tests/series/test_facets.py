from __future__ import annotations

import math

import pytest

from ganplugin.series.facets import facets_of, rarities, shown
from tests.series.collections_made import tides, work


def facet_of(values):
    works = [work(n, traits={} if value is None else {"t": value}) for n, value in enumerate(values)]
    (facet,) = facets_of(tides(works=tuple(works)))
    return facet


def test_words_are_grouped_the_commonest_first():
    facet = facet_of(["a", "b", "b", None, "c"])
    assert (facet.groups, facet.counts) == (("b", "a", "c"), (2, 1, 1))
    assert facet.of == (1, 0, 0, None, 2)
    assert not facet.is_number


def test_a_few_numbers_are_grouped_in_order():
    facet = facet_of([10, 2, 2, 33])
    assert (facet.groups, facet.counts) == (("2", "10", "33"), (2, 1, 1))
    assert facet.is_number
    assert not facet.is_measure


@pytest.mark.parametrize(
    ("values", "first", "last"),
    [
        ([n / 100 for n in range(101)], "0 – 0.2", "0.8 – 1"),
        (list(range(100)), "0 – 19", "80 – 99"),
        ([-5 + n for n in range(14)], "-6 – -5", "8 – 9"),
        ([1e6 + n / 10 for n in range(50)], "1000000 – 1000001", "1000004 – 1000005"),
        ([n * 1e12 for n in range(20)], "0 – 5e+12", "1.5e+13 – 2e+13"),
    ],
)
def test_many_numbers_are_grouped_in_round_ranges(values, first, last):
    facet = facet_of(values)
    assert facet.is_measure
    assert (facet.groups[0], facet.groups[-1]) == (first, last)
    assert sum(facet.counts) == len(values)
    assert len(set(facet.groups)) == len(facet.groups) <= 12
    assert list(facet.of) == sorted(facet.of)


def test_ranges_that_hold_nothing_are_left_out():
    facet = facet_of([*(n / 100 for n in range(13)), 10.0])
    assert facet.groups == ("0 – 2", "8 – 10")


def test_a_work_is_as_rare_as_its_values_are_together():
    works = tuple(work(n, traits={"sky": "red" if n else "green", "sea": "calm"}) for n in range(4))
    bits = rarities(facets_of(tides(works=works)), 4)
    assert bits == [2.0, *[round(-math.log2(3 / 4), 4)] * 3]


def test_to_lack_a_trait_is_a_value():
    works = tuple(work(n, traits={"sky": "red"} if n else {}) for n in range(4))
    assert rarities(facets_of(tides(works=works)), 4)[0] == 2.0
    assert rarities((), 2) == [0.0, 0.0]


@pytest.mark.parametrize(("value", "text"), [(True, "yes"), (False, "no"), (0.1 + 0.2, "0.3"), (7, "7"), ("x", "x")])
def test_values_are_shown_as_people_read_them(value, text):
    assert shown(value) == text
