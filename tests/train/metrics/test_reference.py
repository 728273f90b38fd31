"""What was seen of real pictures is kept, and never used for anything else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ganplugin.train.metrics import reference as module
from ganplugin.train.metrics.reference import Reference, statistics_folder
from ganplugin.train.pictures.packed import PackedSet
from tests.train.metrics.conftest import shapes

NEEDS = frozenset({"moments", "features", "maps", "power", "scores"})


@pytest.fixture
def looked(monkeypatch) -> list[int]:
    """Count the looks: one entry for each time that pictures were looked at."""
    calls = []
    original = module.gather

    def counted(*arguments):
        calls.append(1)
        return original(*arguments)

    monkeypatch.setattr(module, "gather", counted)
    return calls


@pytest.fixture
def kept(real, plain, tmp_path, looked) -> Reference:
    reference = Reference(real, plain, NEEDS, None, tmp_path / "cache")
    reference.statistics(lambda count: None)
    return reference


def ask(reference: Reference):
    return reference.statistics(lambda count: None)


def test_what_was_seen_comes_back_the_same(kept, looked):
    again, fresh = ask(kept), ask(dataclasses.replace(kept, cache=None))
    assert len(looked) == 2
    assert again.count == fresh.count == 120
    assert again.variety == fresh.variety
    for name in ("total", "outer", "features", "scores", "power"):
        assert np.array_equal(getattr(again, name), getattr(fresh, name)), name


@pytest.mark.parametrize(
    "change",
    [
        lambda r: {"backbone": dataclasses.replace(r.backbone, preprocessing="another resize")},
        lambda r: {"backbone": dataclasses.replace(r.backbone, digest="1" * 64)},
        lambda r: {"backbone": dataclasses.replace(r.backbone, name="another")},
        lambda r: {"pictures": PackedSet.in_memory(shapes(120, 9))},
        lambda r: {"pictures": r.pictures.part(np.arange(119))},
        lambda r: {"needs": frozenset({"features"})},
        lambda r: {"most": 100},
    ],
    ids=["preprocessing", "weights", "network", "pictures", "part", "needs", "count"],
)
def test_whatever_it_depends_on_is_looked_at_anew_when_that_changes(change, kept, looked):
    ask(dataclasses.replace(kept, **change(kept)))
    assert len(looked) == 2


def test_a_file_under_a_wrong_name_or_damaged_is_not_used(kept, looked, real):
    other = dataclasses.replace(kept, most=50)
    other_file, (file,) = other._file(kept.cache), kept.cache.iterdir()
    other_file.write_bytes(file.read_bytes())
    assert ask(other).count == 50
    file.write_bytes(file.read_bytes()[:1000])
    assert ask(kept).count == 120
    assert len(looked) == 3


def test_the_order_is_random_and_always_the_same(real, plain):
    orders = [Reference(real, plain, NEEDS, most, None).order for most in (None, None, 30)]
    assert orders[0].tolist() == orders[1].tolist() != sorted(orders[0])
    assert orders[2].tolist() == orders[0][:30].tolist()


def test_the_cache_is_where_it_is_told_to_be(monkeypatch, tmp_path):
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path))
    assert statistics_folder() == tmp_path / "metrics"
