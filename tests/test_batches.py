from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.batches import BatchSizes, OutOfMemory, is_out_of_memory, suggested_size
from ganplugin.errors import ModelError


class Device:
    """Takes at most ``most`` rows at once and remembers what it was given."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.done: list[int] = []
        self.failed: list[int] = []

    def __call__(self, start: int, stop: int) -> None:
        if stop - start > self.most:
            self.failed.append(stop - start)
            raise OutOfMemory("full")
        self.done.extend(range(start, stop))


@given(rows=st.integers(0, 300), wanted=st.integers(1, 300), most=st.integers(1, 300))
def test_every_row_is_computed_once_in_order_and_no_size_fails_twice(rows, wanted, most):
    device = Device(most)
    BatchSizes().run("image", rows, wanted, device)
    assert device.done == list(range(rows))
    assert len(set(device.failed)) == len(device.failed)
    assert all(later <= earlier // 2 for earlier, later in zip(device.failed, device.failed[1:], strict=False))


def test_the_size_that_worked_is_remembered_for_this_work_alone():
    sizes, device = BatchSizes(), Device(5)
    sizes.run("large", 64, 32, device)
    sizes.run("large", 64, 32, device)
    assert device.failed == [32, 16, 8]
    assert sizes.allowed("large", 32) == 4
    assert sizes.allowed("small", 32) == 32
    assert sizes.allowed("large", 2) == 2


def test_a_row_that_does_not_fit_alone_is_an_error():
    device = Device(0)
    with pytest.raises(OutOfMemory):
        BatchSizes().run("image", 8, 8, device)
    assert device.failed == [8, 4, 2, 1]


def test_other_errors_pass_at_once():
    calls = []

    def broken(start, stop):
        calls.append((start, stop))
        raise ModelError("bad node")

    with pytest.raises(ModelError, match="bad node"):
        BatchSizes().run("image", 8, 4, broken)
    assert calls == [(0, 4)]


def test_threads_share_what_was_learned():
    sizes, devices = BatchSizes(), [Device(3) for _ in range(4)]
    threads = [threading.Thread(target=sizes.run, args=("image", 100, 64, device)) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(device.done == list(range(100)) for device in devices)
    assert sizes.allowed("image", 64) == 2


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (RuntimeError("Failed to allocate memory for requested buffer of size 4294967296"), True),
        (RuntimeError("CUDA failure 2: out of memory ; GPU=0"), True),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("887A0005 8007000E E_OUTOFMEMORY"), True),
        (RuntimeError("Available memory of 12 is smaller than requested bytes of 40"), True),
        (MemoryError(), True),
        (RuntimeError("INVALID_ARGUMENT : Got invalid dimensions for input"), False),
        (ValueError("CUDA error cudaErrorIllegalAddress"), False),
    ],
)
def test_out_of_memory_is_told_from_other_failures(error, memory):
    assert is_out_of_memory(error) is memory


def test_small_pictures_go_in_large_batches_and_huge_ones_alone():
    assert suggested_size(64 * 64, "cpu") == 32
    assert suggested_size(64 * 64, "cuda") == 64
    assert suggested_size(512 * 512, "cpu") == 2
    assert suggested_size(1024 * 1024, "cuda") == 4
    assert suggested_size(4096 * 4096, "cpu") == 1
    assert suggested_size(0, "cpu") == 32
