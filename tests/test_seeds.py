from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.errors import InputError
from ganplugin.limits import MAX_SEED, MAX_SEEDS
from ganplugin.seeds import format_seeds, parse_seeds, seed_latents

SEED = st.integers(0, MAX_SEED)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0", (0,)),
        ("0-3", (0, 1, 2, 3)),
        ("0-2,42", (0, 1, 2, 42)),
        (" 3 , 1-1,3 ", (3, 1, 3)),
        ("007", (7,)),
        (str(MAX_SEED), (MAX_SEED,)),
        (f"{MAX_SEED - 1}-{MAX_SEED}", (MAX_SEED - 1, MAX_SEED)),
    ],
)
def test_seeds_are_read_in_order_with_repeats(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5-2", "falls"),
        ("a", "not a seed"),
        ("-1", "not a seed"),
        (str(2**32), "too large"),
        (f"0-{2**32}", "too large"),
        ("0-1000000", "more than"),
        ("", "not a seed"),
        ("1,", "not a seed"),
        ("1,,2", "not a seed"),
        ("1 - 2", "not a seed"),
        ("1.5", "not a seed"),
        ("0x10", "not a seed"),
        ("1e3", "not a seed"),
        ("1_0", "not a seed"),
        ("٣", "not a seed"),
        ("1-2-3", "not a seed"),
        ("9" * 5000, "not a seed"),
        ("1\n2", "not a seed"),
    ],
)
def test_other_text_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        parse_seeds(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert caught.value.fix


def test_the_number_of_seeds_is_bounded_in_all() -> None:
    assert len(parse_seeds(f"1-{MAX_SEEDS}")) == MAX_SEEDS
    half = MAX_SEEDS // 2
    with pytest.raises(InputError, match="more than"):
        parse_seeds(f"0-{half},0-{half}")


@given(st.text(max_size=20))
def test_any_text_gives_seeds_or_an_input_error(text: str) -> None:
    try:
        seeds = parse_seeds(text)
    except InputError:
        return
    assert seeds
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


@given(st.lists(SEED | st.integers(0, 12), min_size=1, max_size=40))
def test_written_seeds_are_read_back_the_same(seeds: list[int]) -> None:
    assert parse_seeds(format_seeds(seeds)) == tuple(seeds)


def test_runs_are_written_as_ranges() -> None:
    assert format_seeds([0, 1, 2, 42, 41, 42, 7]) == "0-2,42,41-42,7"
    assert format_seeds(iter(range(1000))) == "0-999"


@given(st.lists(SEED, max_size=6), st.integers(1, 64))
def test_a_latent_depends_on_its_seed_alone(seeds: list[int], z_dim: int) -> None:
    together = seed_latents(seeds, z_dim)
    assert together.shape == (len(seeds), z_dim)
    assert together.dtype == np.float32
    for row, seed in zip(together, seeds, strict=True):
        assert row.tobytes() == seed_latents([seed], z_dim)[0].tobytes()


@given(SEED)
def test_a_latent_is_what_stylegan_draws(seed: int) -> None:
    drawn = np.random.RandomState(seed).randn(1, 512).astype(np.float32)
    assert np.array_equal(seed_latents([seed], 512), drawn)


def test_the_draw_is_pinned() -> None:
    assert seed_latents([0], 4).tolist()[0] == pytest.approx([1.764052, 0.400157, 0.978738, 2.240893], abs=1e-6)


def test_drawing_leaves_numpys_global_state_alone() -> None:
    before = np.random.get_state(legacy=False)
    seed_latents([1, 2], 8)
    assert str(before) == str(np.random.get_state(legacy=False))


def test_the_draw_is_the_same_in_another_process() -> None:
    code = "from ganplugin.seeds import seed_latents as s; print(s([7, 2**32 - 1], 64).tobytes().hex())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert found == seed_latents([7, MAX_SEED], 64).tobytes().hex()
