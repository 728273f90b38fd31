from __future__ import annotations

import json

import numpy as np
import pytest

from ganplugin.errors import InputError, TrainingError
from ganplugin.train.pictures.sampling import Sampler


@pytest.mark.parametrize(("count", "batch"), [(10, 5), (10, 4), (3, 8), (1, 2)])
def test_every_picture_comes_once_an_epoch_and_no_batch_is_short(count: int, batch: int):
    sampler = Sampler(count, batch, seed=7)
    batches = [next(sampler) for _ in range(count)]
    assert {len(indices) for indices in batches} == {batch}
    epochs = np.concatenate(batches).reshape(batch, count)
    assert np.array_equal(np.sort(epochs, axis=1), np.tile(np.arange(count), (batch, 1)))


def test_orders_differ_by_epoch_and_seed():
    sampler = Sampler(50, 50, seed=1)
    first, second = next(sampler), next(sampler)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, next(Sampler(50, 50, seed=1)))
    assert not np.array_equal(first, next(Sampler(50, 50, seed=2)))


@pytest.mark.parametrize("steps", [0, 1, 3, 5, 12])
def test_a_state_through_json_goes_on_exactly(steps: int):
    whole = Sampler(10, 4, seed=3)
    for _ in range(steps):
        next(whole)
    again = Sampler(10, 4, seed=99)
    again.restore(json.loads(json.dumps(whole.state())))
    assert [next(again).tolist() for _ in range(9)] == [next(whole).tolist() for _ in range(9)]


@pytest.mark.parametrize("change", [{"count": 11}, {"position": 10}, {"epoch": -1}, {"seed": None}])
def test_a_foreign_state_is_refused(change):
    sampler = Sampler(10, 4)
    with pytest.raises(TrainingError):
        sampler.restore({**sampler.state(), **change})


def test_nothing_to_draw_is_an_error():
    with pytest.raises(InputError):
        Sampler(0, 4)
