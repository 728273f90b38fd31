from __future__ import annotations

import pytest

from benchmarks.arithmetic import NAMED, Cost, cost_of
from benchmarks.networks import TITLES, network_of


def test_a_network_is_counted_as_by_hand() -> None:
    channels, sides = (512, 256, 128, 64, 3), (4, 8, 16, 32, 64)
    first = 2 * 100 * 512 * 16
    others = sum(
        2 * before * after * 16 * side**2
        for before, after, side in zip(channels, channels[1:], sides[:-1], strict=False)
    )
    cost = cost_of(network_of("DCGAN 64"))
    assert cost.operations == first + others
    assert cost.written == 4 * sum(count * side**2 for count, side in zip(channels, sides, strict=True))
    assert cost.picture == 4 * 3 * 64 * 64
    kernels = sum(before * after * 16 for before, after in zip((100, *channels), channels, strict=False))
    assert 4 * kernels <= cost.weights < 4.1 * kernels


def test_bounds_follow_from_three_figures() -> None:
    bounds = Cost(operations=2 * 10**9, weights=1, written=5 * 10**6, picture=4 * 10**6).bounds(10, 1000, 32)
    assert bounds == pytest.approx(
        {"arithmetic": 5000, "memory": 100_000, "PCIe, float32": 8000, "PCIe, 8 bits": 32_000}
    )


def test_the_main_families_are_among_all() -> None:
    assert set(NAMED) <= set(TITLES)
