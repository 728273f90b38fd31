from __future__ import annotations

import contextlib
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ganplugin.errors import InputError
from ganplugin.latents import (
    EASINGS,
    WALK_METHODS,
    Walk,
    WalkMethod,
    circular_walk,
    cubic,
    lerp,
    mix_vector,
    slerp,
    truncation_vector,
    walk_positions,
)
from ganplugin.limits import MAX_FRAMES
from ganplugin.seeds import seed_latents

UNIT = st.floats(0, 1)
SEEDS = st.integers(0, 2**32 - 1)


def keys(count: int, dimension: int = 64) -> NDArray[np.float32]:
    return seed_latents(range(count), dimension)


# --- interpolation ----------------------------------------------------------------------------------------------


@given(SEEDS, SEEDS)
def test_both_ways_begin_and_end_exactly_at_the_latents(first: int, second: int) -> None:
    a, b = seed_latents([first, second], 32)
    for join in (slerp, lerp):
        assert np.array_equal(join(a, b, 0), a)
        assert np.array_equal(join(a, b, 1), b)
        assert join(a, b, 0.3).dtype == np.float32


def test_slerp_of_unit_vectors_stays_on_the_sphere_at_even_angles() -> None:
    a, b = np.eye(5, dtype=np.float32)[:2]
    points = [slerp(a, b, i / 4) for i in range(5)]
    assert np.allclose([np.linalg.norm(p) for p in points], 1)
    assert np.allclose([math.acos(min(1.0, float(p @ q))) for p, q in pairwise(points)], math.pi / 8)


@given(SEEDS, SEEDS, UNIT)
def test_slerp_is_the_same_from_either_end(first: int, second: int, t: float) -> None:
    a, b = seed_latents([first, second], 16)
    assert np.allclose(slerp(a, b, t), slerp(b, a, 1 - t), atol=1e-5)


def test_slerp_keeps_gaussian_latents_away_from_zero_where_lerp_does_not() -> None:
    a, b = keys(2, 512)
    assert np.linalg.norm(slerp(a, b, 0.5)) > 0.95 * min(np.linalg.norm(a), np.linalg.norm(b))
    assert np.linalg.norm(lerp(a, b, 0.5)) < 0.8 * np.linalg.norm(a)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 1 + 1e-7, 0.0])
def test_slerp_of_parallel_opposite_and_zero_vectors_is_finite(factor: float) -> None:
    a = keys(1, 8)[0]
    b = (a * factor).astype(np.float32)
    assert np.allclose(slerp(a, b, 0.25), 0.75 * a + 0.25 * b, atol=1e-6)


def test_slerp_treats_each_vector_of_a_batch_alone() -> None:
    a, b = keys(6, 8).reshape(2, 3, 8)
    together = slerp(a, b, 0.4)
    assert all(np.array_equal(together[i], slerp(a[i], b[i], 0.4)) for i in range(3))


def test_cubic_passes_its_keys_and_has_no_corner_at_them() -> None:
    points = keys(5, 4)
    step = 1e-3
    for loop in (False, True):
        for segment in range(5 if loop else 4):
            assert np.allclose(cubic(points, segment, 0, loop=loop), points[segment], atol=1e-6)
            assert np.allclose(cubic(points, segment, 1, loop=loop), points[(segment + 1) % 5], atol=1e-6)
        before = (points[2] - cubic(points, 1, 1 - step, loop=loop)) / step
        after = (cubic(points, 2, step, loop=loop) - points[2]) / step
        assert np.allclose(before, after, atol=0.05)
        assert np.allclose(before, (points[3] - points[1]) / 2, atol=0.05)


def test_cubic_through_points_of_a_line_is_that_line() -> None:
    line = np.arange(4, dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)
    assert np.allclose([cubic(line, s, 0.5, loop=False)[0] for s in range(3)], [0.5, 1.5, 2.5])
    two = line[:2]
    assert np.allclose(cubic(two, 0, 0.25, loop=False), 0.25)


# --- easing and positions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EASINGS)
def test_easings_lead_from_0_to_1_without_turning_back(name: str) -> None:
    values = [EASINGS[name](i / 100) for i in range(101)]
    assert values[0] == 0
    assert values[-1] == pytest.approx(1, abs=1e-12)
    assert all(later >= earlier for earlier, later in pairwise(values))


def test_hold_rests_at_both_ends() -> None:
    assert EASINGS["hold"](0.2) == 0
    assert EASINGS["hold"](0.8) == 1


@given(st.integers(1, 8), st.integers(1, 60), st.sampled_from(sorted(EASINGS)))
def test_positions_lie_on_the_walk_and_never_go_back(count: int, frames: int, easing: str) -> None:
    for loop in (False, True):
        positions = walk_positions(count, frames, loop, easing)
        assert len(positions) == frames
        assert positions[0] == (0, 0.0)
        assert all(0 <= segment < max(count if loop else count - 1, 1) for segment, _ in positions)
        assert all(0 <= t <= 1 for _, t in positions)
        assert positions == sorted(positions)


def test_an_open_walk_ends_at_its_last_key_and_visits_the_middle_one() -> None:
    assert walk_positions(3, 5, False, "linear") == [(0, 0.0), (0, 0.5), (1, 0.0), (1, 0.5), (1, 1.0)]


def test_a_loop_stops_one_step_before_its_beginning() -> None:
    assert walk_positions(2, 4, True, "linear") == [(0, 0.0), (0, 0.5), (1, 0.0), (1, 0.5)]


def test_walks_without_keys_frames_or_a_known_easing_are_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        walk_positions(0, 3, True, "linear")
    with pytest.raises(InputError, match="at least one"):
        walk_positions(3, 0, True, "linear")
    with pytest.raises(InputError, match="did you mean 'smooth'"):
        walk_positions(3, 3, True, "smoth")


# --- walks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", WALK_METHODS)
@pytest.mark.parametrize("loop", [True, False])
def test_slicing_changes_no_byte(method: WalkMethod, loop: bool) -> None:
    walk = Walk(keys(3), 20, loop=loop, method=method, easing="sine")
    whole = walk.slice(0, 20)
    assert whole.shape == (20, 64)
    assert whole.dtype == np.float32
    parts = np.concatenate([walk.slice(0, 7), walk.slice(7, 8), walk.slice(8, 8), walk.slice(8, 20)])
    assert whole.tobytes() == parts.tobytes()
    assert walk.at(13).tobytes() == whole[13].tobytes()


@pytest.mark.parametrize("method", WALK_METHODS)
@pytest.mark.parametrize("easing", EASINGS)
def test_a_loop_comes_back_to_its_first_frame_without_a_jump(method: WalkMethod, easing: str) -> None:
    walk = Walk(keys(3), 90, loop=True, method=method, easing=easing)
    assert walk.at(90).tobytes() == walk.at(0).tobytes()
    assert walk.at(-1).tobytes() == walk.at(89).tobytes()
    steps = np.linalg.norm(np.diff(walk.slice(0, 91), axis=0), axis=1)
    assert steps[-1] <= steps.max() * 1.0001
    assert steps[-1] > 0 or easing == "hold"
    assert not np.array_equal(walk.at(0), walk.at(45))


@pytest.mark.parametrize("method", ["slerp", "lerp", "cubic"])
def test_an_open_walk_begins_and_ends_at_keys(method: WalkMethod) -> None:
    points = keys(4)
    walk = Walk(points, 31, loop=False, method=method, easing="ease-in-out")
    assert np.allclose(walk.slice(0, 31)[::10], points, atol=1e-6)
    for outside in (-1, 31):
        with pytest.raises(InputError, match=r"0\.\.30"):
            walk.at(outside)


@pytest.mark.parametrize("method", ["slerp", "lerp", "cubic"])
@pytest.mark.parametrize("loop", [True, False])
def test_one_key_or_one_frame_is_a_still(method: WalkMethod, loop: bool) -> None:
    point = keys(1)
    assert np.allclose(Walk(point, 5, loop=loop, method=method).slice(0, 5), point)
    assert np.allclose(Walk(keys(3), 1, loop=loop, method=method).at(0), point[0])


def test_walks_in_w_keep_the_shape_of_a_key() -> None:
    w = np.random.default_rng(0).normal(size=(3, 14, 8)).astype(np.float32)
    for method in ("slerp", "lerp", "cubic"):
        assert Walk(w, 12, method=method).slice(2, 6).shape == (4, 14, 8)


def test_a_very_long_walk_costs_nothing_until_taken() -> None:
    walk = Walk(keys(2, 8), MAX_FRAMES, loop=True)
    assert len(walk) == MAX_FRAMES
    assert np.array_equal(walk.at(MAX_FRAMES // 2), keys(2, 8)[1])


def test_a_circle_goes_through_its_latents_at_constant_speed() -> None:
    a, b = np.eye(4, dtype=np.float32)[:2] * 3
    walk = circular_walk(np.stack([a, b]), 40)
    assert np.allclose(walk.at(0), a)
    assert np.allclose(walk.at(10), b, atol=1e-6)
    assert np.allclose(walk.at(20), -a, atol=1e-6)
    frames = walk.slice(0, 41)
    assert np.allclose(np.linalg.norm(frames, axis=1), 3, atol=1e-5)
    steps = np.linalg.norm(np.diff(frames, axis=0), axis=1)
    assert np.allclose(steps, steps[0], atol=1e-5)


def test_the_points_of_a_circle_are_as_gaussian_as_its_latents() -> None:
    for count in (2, 3):
        frames = circular_walk(keys(count, 20_000), 8, radius=0.4).slice(0, 8)
        assert np.allclose(frames.std(axis=1), 1, atol=0.03)


def test_radius_leads_from_the_centre_to_the_great_circle() -> None:
    points = keys(3)
    assert np.allclose(circular_walk(points, 10, radius=0.0).slice(0, 10), points[0], atol=1e-6)
    assert np.allclose(circular_walk(points, 10).slice(0, 10), circular_walk(points[1:], 10).slice(0, 10), atol=1e-6)
    distances = [np.linalg.norm(circular_walk(points, 10, radius=r).at(3) - points[0]) for r in (0.1, 0.2, 0.4)]
    assert distances == sorted(distances)


def test_an_open_circle_ends_where_it_began() -> None:
    walk = Walk(keys(2), 9, loop=False, method="circle")
    assert walk.at(8).tobytes() == walk.at(0).tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 0}, "frames"),
        ({"frames": MAX_FRAMES + 1}, "frames"),
        ({"easing": "wobble"}, "no easing"),
        ({"method": "slrp"}, "did you mean 'slerp'"),
        ({"keys": np.zeros(4, np.float32)}, "finite latents"),
        ({"keys": np.zeros((0, 4), np.float32)}, "finite latents"),
        ({"keys": np.full((2, 4), np.nan, np.float32)}, "finite latents"),
        ({"method": "circle", "keys": np.ones((4, 4), np.float32)}, "2 or 3 latents"),
        ({"method": "circle", "radius": 1.5}, "radius"),
    ],
)
def test_what_makes_no_walk_is_refused(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"keys": keys(2), "frames": 10}
    with pytest.raises(InputError, match=message):
        Walk(**(good | change))  # type: ignore[arg-type]


# --- truncation and mixing --------------------------------------------------------------------------------------


def test_truncation_with_a_cutoff_leaves_the_later_layers_alone() -> None:
    assert truncation_vector(0.5, 4).tolist() == [0.5] * 4
    assert truncation_vector(0.5, 4, 2).tolist() == [0.5, 0.5, 1, 1]
    assert truncation_vector(0.5, 4, 0).tolist() == [1] * 4
    assert truncation_vector(0.7, 4).dtype == np.float32


def test_truncation_out_of_range_is_refused() -> None:
    for cutoff in (-1, 5):
        with pytest.raises(InputError, match=r"0\.\.4"):
            truncation_vector(0.5, 4, cutoff)
    for psi in (math.nan, math.inf):
        with pytest.raises(InputError, match="truncation"):
            truncation_vector(psi, 4)


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        ("0", [0]),
        ("0-3,7", [0, 1, 2, 3, 7]),
        (" 2 - 2".replace(" ", ""), [2]),
        ("coarse", [0, 1, 2, 3]),
        ("middle", [4, 5, 6, 7]),
        ("Fine", [8, 9]),
        ("coarse, 9", [0, 1, 2, 3, 9]),
        ("all", list(range(10))),
        ("1,1,0-2", [0, 1, 2]),
    ],
)
def test_layers_are_named_by_number_range_and_word(layers: str, chosen: list[int]) -> None:
    mix = mix_vector(layers, 10)
    assert mix.dtype == np.float32
    assert np.flatnonzero(mix).tolist() == chosen
    assert set(mix.tolist()) <= {0.0, 1.0}


def test_in_a_small_model_the_names_are_thirds() -> None:
    thirds = [np.flatnonzero(mix_vector(name, 6)).tolist() for name in ("coarse", "middle", "fine")]
    assert thirds == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(InputError, match="layers 0 to 0"):
        mix_vector("fine", 1)


@given(st.integers(1, 20))
def test_the_names_divide_the_layers_between_them(num_ws: int) -> None:
    found = np.zeros(num_ws)
    for name in ("coarse", "middle", "fine"):
        with contextlib.suppress(InputError):
            found += mix_vector(name, num_ws)
    assert found.tolist() == [1] * num_ws


@pytest.mark.parametrize("layers", ["", "10", "3-1", "0-10", "-1", "a", "1-2-3", "1.5", "0,,1", "٣", "9" * 3000])
def test_other_layers_are_refused_in_one_line(layers: str) -> None:
    with pytest.raises(InputError) as caught:
        mix_vector(layers, 10)
    assert "layers" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)
