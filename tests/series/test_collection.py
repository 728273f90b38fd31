from __future__ import annotations

from ganplugin.series.collection import Collection, Work


def work(number: int, **traits) -> Work:
    return Work(number, f"piece {number}", (f"pieces/{number}.png",), f"thumbs/{number}.webp", "0" * 64, traits)


def test_rarity_is_the_share_of_each_value_rarest_first():
    collection = Collection("Tides", works=(work(0, sky="red"), work(1, sky="blue"), work(2, sky="blue"), work(3)))
    assert list(collection.rarity("sky").items()) == [("red", 0.25), ("blue", 0.5)]


def test_a_trait_that_nothing_has_has_no_values():
    assert Collection("Tides", works=(work(0),)).rarity("sky") == {}
