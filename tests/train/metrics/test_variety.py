from __future__ import annotations

import numpy as np
import torch

from ganplugin.train.metrics.variety import adjacent_distances


def test_the_distance_is_that_of_channels_of_length_1():
    maps = [torch.randn(5, 3, 4, 6), torch.randn(5, 2, 1, 1)]
    expected = []
    for a, b in ((0, 1), (2, 3)):
        units = [[one / np.linalg.norm(one, axis=0) for one in (found[a].numpy(), found[b].numpy())] for found in maps]
        expected.append(sum(np.square(x - y).sum(0).mean() for x, y in units))
    assert np.allclose(adjacent_distances(maps).numpy(), expected, rtol=1e-5)


def test_equal_pictures_and_silent_channels_have_no_distance():
    same = torch.cat([torch.ones(2, 3, 2, 2), torch.zeros(2, 3, 2, 2)])
    assert adjacent_distances([same]).tolist() == [0, 0]
