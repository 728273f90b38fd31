from __future__ import annotations

import numpy as np

from ganplugin.train.classes import drawn_classes


def test_neighbours_are_of_one_class_now_and_then() -> None:
    """Bug: they never were, so that a collapse within each class looked diverse."""
    drawn = drawn_classes(range(2000), 4)
    assert (drawn[5:9] == drawn_classes(range(5, 9), 4)).all()
    assert np.bincount(drawn).min() > 400
    assert 0.2 < (drawn[::2] == drawn[1::2]).mean() < 0.3
