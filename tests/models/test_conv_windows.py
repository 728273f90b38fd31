from __future__ import annotations

from itertools import pairwise

import pytest

from ganplugin.errors import CheckpointError
from ganplugin.models.conv_windows import generator_windows, scorer_windows
from ganplugin.models.layer_chain import Layer, Norm
from ganplugin.models.module_words import Words
from ganplugin.models.setting import GIVEN

NOTHING = Words({}, ())


def transposed(*kernels: int) -> tuple[Layer, ...]:
    widths = pairwise((5, *range(4 + len(kernels), 4, -1)))
    return tuple(Layer(str(place), "transposed", *width, kernels[place], False) for place, width in enumerate(widths))


def plain(*kernels: int, normed: bool = False) -> tuple[Layer, ...]:
    widths = pairwise((3, *range(6, 5 + len(kernels)), 1))
    norm = Norm("n", "batch", (6,)) if normed else None
    return tuple(
        Layer(str(place), "plain", *width, kernels[place], False, norm=norm) for place, width in enumerate(widths)
    )


def projected(side: int, *layers: Layer) -> tuple[Layer, ...]:
    return (Layer("fc", "linear", 5, layers[0].before * side * side, 0, True), *layers)


@pytest.mark.parametrize(
    ("layers", "strides", "paddings", "side"),
    [
        (transposed(4, 4, 4), "1, 2, 2", "0, 1, 1", 16),
        (transposed(6, 4, 4), "1, 2, 2", "0, 1, 1", 24),
        (transposed(1, 7, 4, 4), "1, 1, 2, 2", "0, 0, 1, 1", 28),
        (transposed(4, 4, 3), "1, 2, 1", "0, 1, 1", 8),
        (transposed(3, 4, 3, 4), "2, 1, 2, 2", "0, 0, 0, 0", 28),
        (transposed(4, 3, 4, 4), "1, 2, 2, 2", "0, 1, 1, 1", 28),
        (projected(4, *transposed(3, 3)), "2, 2", "1, 1", 16),
        (projected(7, *transposed(5, 5)), "2, 2", "2, 2", 28),
        (projected(7, *transposed(5, 5, 5)), "1, 2, 2", "2, 2, 2", 28),
        (projected(4, *transposed(2, 2)), "2, 2", "0, 0", 16),
        (projected(4, *transposed(6, 6)), "2, 2", "2, 2", 16),
    ],
)
def test_habits_of_generators(layers: tuple[Layer, ...], strides: str, paddings: str, side: int) -> None:
    count = sum(layer.kind != "linear" for layer in layers)
    found = generator_windows(layers, (1,) * count, NOTHING, {})
    told = {fact.name: (fact.value, fact.origin) for fact in found.inferred if fact.name != "output paddings"}
    assert told == {
        "strides": (strides, "default"),
        "paddings": (paddings, "default"),
        "picture side": (side, "default"),
    }


@pytest.mark.parametrize("layers", [transposed(4, 5, 5), transposed(4, 3, 3), transposed(4, 8, 4), transposed(4, 5, 4)])
def test_nothing_is_guessed_where_codes_differ(layers: tuple[Layer, ...]) -> None:
    with pytest.raises(CheckpointError, match="cannot be told"):
        generator_windows(layers, (1,) * len(layers), NOTHING, {})


@pytest.mark.parametrize(
    ("layers", "paddings", "side"),
    [
        (plain(4, 4, 4), "1, 1, 0", 16),
        (plain(4, 4, 4, normed=True), "0, 0, 0", 28),
        (plain(4, 4, 7), "1, 1, 0", 28),
        (plain(4, 4, 3, 4), "1, 1, 1, 0", 28),
        (plain(3, 3, 3, 4), "1, 1, 1, 0", 32),
        (plain(5, 5, 4), "2, 2, 0", 16),
        (plain(3, 4, 3, 4, 4), "1, 1, 1, 1, 0", 16),
    ],
)
def test_habits_of_scorers(layers: tuple[Layer, ...], paddings: str, side: int) -> None:
    found = scorer_windows(layers, NOTHING, {})
    assert (", ".join(str(window.padding) for window in found.windows), found.side) == (paddings, side)


def test_a_side_without_end_is_refused() -> None:
    layers = transposed(*(4 for _ in range(14)))
    with pytest.raises(CheckpointError, match="would make maps of side 8192"):
        generator_windows(layers, (1,) * 14, NOTHING, {})
    with pytest.raises(CheckpointError, match="would judge pictures of side"):
        scorer_windows(plain(*(4 for _ in range(14))), NOTHING, {})


def test_paddings_that_leave_no_map_are_refused() -> None:
    with pytest.raises(CheckpointError, match="side -"):
        generator_windows(transposed(4, 4), (1, 1), NOTHING, {GIVEN: {"paddings": "9,9"}})


def test_an_output_padding_as_large_as_the_stride_is_refused() -> None:
    with pytest.raises(CheckpointError, match="pads the output of 1 by as much as it strides"):
        generator_windows(transposed(4, 4), (1, 1), NOTHING, {GIVEN: {"output_paddings": "0,2"}})
