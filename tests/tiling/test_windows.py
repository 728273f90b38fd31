from __future__ import annotations

from fractions import Fraction

import pytest

from ganplugin.tiling.maps import Map
from ganplugin.tiling.windows import Span, Window, tiles


@pytest.mark.parametrize("whole", [(1, 1), (7, 100), (64, 63), (129, 17)])
@pytest.mark.parametrize("sides", [(1, 1), (8, 16), (50, 500)])
@pytest.mark.parametrize("align", [1, 4])
def test_tiles_cover_each_pixel_once(whole, sides, align):
    covered = [[0] * whole[1] for _ in range(whole[0])]
    for tile in tiles(whole, sides, align):
        assert tile.rows.start % align == tile.columns.start % align == 0
        for row in range(tile.rows.start, tile.rows.stop):
            for column in range(tile.columns.start, tile.columns.stop):
                covered[row][column] += 1
    assert {count for row in covered for count in row} == {1}


def test_no_tile_is_a_sliver():
    widths = {tile.columns.stop - tile.columns.start for tile in tiles((8, 1001), (8, 100), 4)}
    assert min(widths) > 80


def test_a_margin_ends_with_the_picture_and_on_multiples():
    assert Span(16, 32, 100).grown(5, 6, 4) == Span(8, 40, 100)
    assert Span(0, 32, 100).grown(5, 6, 4) == Span(0, 40, 100)
    assert Span(64, 99, 99).grown(1, 1, 4) == Span(60, 99, 99)


def test_a_map_under_a_window_takes_what_is_left_at_the_picture_s_end():
    small = Map(3, 25, 25, Fraction(4))  # of 99 pixels
    assert Span(8, 40, 99).under(25, small.stride) == slice(2, 10)
    assert Span(60, 99, 99).under(25, small.stride) == slice(15, 25)
    window = Window(Span(8, 40, 99), Span(60, 99, 99))
    tile = Window(Span(16, 32, 99), Span(64, 99, 99))
    assert tile.inside(window, small) == (slice(2, 6), slice(1, 10))
    large = Map(3, 198, 198, Fraction(1, 2))
    assert window.under(large) == (slice(16, 80), slice(120, 198))
