from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.series.draws import Permutation, share, weighted


@given(st.integers(0, 2**32), st.text(max_size=20), st.integers(0, 10**7))
def test_a_draw_is_a_share_that_never_changes(seed, name, piece):
    assert 0 <= share(seed, name, piece) < 1
    assert share(seed, name, piece) == share(seed, name, piece)


def test_draws_are_what_they_were_in_every_version():
    assert share(2026, "Mood", 73) == 0.3708317552090472
    assert [Permutation(2026, "Seed", 1000)[place] for place in range(4)] == [831, 674, 169, 673]


def test_seed_trait_and_piece_each_make_another_draw():
    assert len({share(1, "a", 1), share(2, "a", 1), share(1, "b", 1), share(1, "a", 2)}) == 4


def test_draws_are_even():
    draws = [share(7, "Mood", piece) for piece in range(4000)]
    for tenth in range(10):
        assert 330 < sum(tenth / 10 <= draw < (tenth + 1) / 10 for draw in draws) < 470


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=20).filter(any), st.floats(0, 1, exclude_max=True))
def test_a_weight_of_zero_is_never_chosen(weights, draw):
    assert weights[weighted(draw, weights)] > 0


def test_weights_are_shares():
    chosen = [weighted(share(3, "x", piece), [3, 0, 1]) for piece in range(2000)]
    assert 1400 < chosen.count(0) < 1600
    assert chosen.count(1) == 0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 17, 100, 1000])
def test_a_permutation_has_every_number_once(count):
    order = Permutation(5, "Seed", count)
    assert sorted(order[place] for place in range(count)) == list(range(count))


def test_a_permutation_is_shuffled_and_differs_by_seed():
    first, second = ([Permutation(seed, "Seed", 100)[place] for place in range(100)] for seed in (1, 2))
    assert first != second != list(range(100))
    assert sum(abs(value - place) for place, value in enumerate(first)) > 2000


def test_all_seeds_there_are_can_be_permuted():
    order = Permutation(1, "Seed", 2**32)
    found = {order[place] for place in range(2000)}
    assert len(found) == 2000
    assert max(found) > 2**31
