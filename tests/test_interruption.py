from __future__ import annotations

import gc
import threading
import weakref

from ganplugin.interruption import interruptible


class Options:
    terminate = False


class Asked:
    """A host that is asked whether to stop."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.was = threading.Event()

    def __call__(self) -> bool:
        self.was.set()
        return self.answer


def test_a_run_ends_when_its_host_says_so_and_not_before():
    stopping, going = (Options(), Asked(True)), (Options(), Asked(False))
    with interruptible(*stopping), interruptible(*going):
        assert stopping[1].was.wait(30)
        assert going[1].was.wait(30)
        going[1].was.clear()
        assert going[1].was.wait(30)  # a whole round later
    assert (stopping[0].terminate, going[0].terminate) == (True, False)


def test_nothing_of_a_run_that_is_over_is_kept():
    asked = Asked(False)
    with interruptible(Options(), asked):
        assert asked.was.wait(30)
    left = weakref.ref(asked)
    del asked
    for _ in range(200):
        gc.collect()
        if left() is None:
            break
        threading.Event().wait(0.02)
    assert left() is None
