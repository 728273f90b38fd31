from __future__ import annotations

from ganplugin.series.tuning import BatchTuner


def settled(tuner: BatchTuner, seconds) -> list[int]:
    """Return the sizes that a tuner asks for where a batch takes ``seconds(size)``."""
    sizes = []
    for _ in range(20):
        size = tuner.size("work")
        sizes.append(size)
        tuner.note("work", size, seconds(size))
    return sizes


def test_batches_grow_while_that_is_faster():
    sizes = settled(BatchTuner(32), lambda size: 1.0 + 0.1 * size)
    assert sizes[0] == 1
    assert sizes[-1] == 32


def test_batches_stay_small_where_they_gain_nothing():
    sizes = settled(BatchTuner(32), lambda size: float(size))
    assert max(sizes) == 2
    assert sizes[-1] == 1


def test_the_best_size_is_kept_when_a_larger_one_is_slower():
    assert settled(BatchTuner(32), lambda size: 1.0 + 0.1 * size + (10 if size > 4 else 0))[-1] == 4


def test_the_first_batch_which_opens_the_model_is_not_counted():
    tuner = BatchTuner(4)
    tuner.note("work", 1, 60.0)
    assert settled(tuner, lambda size: float(size))[-1] == 1


def test_batches_never_grow_beyond_the_most():
    assert max(settled(BatchTuner(6), lambda size: 1.0)) == 4


def test_a_batch_of_another_size_is_not_counted():
    tuner = BatchTuner(8)
    for _ in range(10):
        tuner.note("work", 3, 1e-9)
    assert tuner.size("work") == 1


def test_each_kind_of_work_is_measured_for_itself():
    tuner = BatchTuner(8)
    settled(tuner, lambda size: 1.0)
    assert tuner.size("other") == 1


def test_of_very_many_kinds_of_work_the_first_are_forgotten():
    """A kind for every piece was kept for ever, 400 bytes each."""
    tuner = BatchTuner(4)
    for number in range(5000):
        tuner.note(number, 1, 1.0)
    assert len(tuner._best) == len(tuner._trying) == 256
    assert tuner.size(0) == 1
