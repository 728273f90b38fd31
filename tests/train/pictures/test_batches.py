from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from ganplugin.train.pictures.batches import Batches, load
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.sampling import Sampler


@pytest.fixture
def pictures() -> PackedSet:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 3, 4, 4), np.uint8)
    return PackedSet.in_memory(pixels, np.arange(10) % 2, classes=("even", "odd"))


def test_batches_are_those_of_the_sampler_with_labels(pictures: PackedSet):
    with Batches(pictures, Sampler(10, 4, seed=5)) as batches:
        for expected, batch in zip(Sampler(10, 4, seed=5), (next(batches) for _ in range(8)), strict=False):
            assert np.array_equal(batch.indices, expected)
            assert batch.pictures.dtype == torch.uint8
            assert np.array_equal(batch.pictures.numpy(), pictures.pixels[expected])
            assert batch.labels.tolist() == (expected % 2).tolist()


def test_the_state_is_that_of_what_was_handed_out(pictures: PackedSet):
    sampler = Sampler(10, 4)
    with Batches(pictures, sampler, ahead=3) as batches:
        assert batches.state() == Sampler(10, 4).state()
        for _ in range(3):
            next(batches)
        state = batches.state()
        following = next(batches).indices
    again = Sampler(10, 4)
    again.restore(state)
    assert np.array_equal(next(again), following)


def test_closing_ends_the_thread_while_it_waits(pictures: PackedSet):
    batches = Batches(pictures, Sampler(10, 4))
    next(batches)
    batches.close()
    assert "batches" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(StopIteration):
        next(batches)


def test_an_error_of_the_thread_comes_out_where_the_batch_is_asked_for(pictures: PackedSet):
    with Batches(pictures, Sampler(11, 11)) as batches, pytest.raises(IndexError):
        next(batches)


def test_a_loaded_batch_is_a_copy(pictures: PackedSet):
    load(pictures, np.array([1, 2])).zero_()
    assert pictures.pixels.any()
