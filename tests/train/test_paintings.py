from __future__ import annotations

import numpy as np
import pytest
import torch

from ganplugin.train.paintings import Paintings, squared


def paintings(seed: int = 3) -> Paintings:
    """Four paintings of one colour each."""
    pixels = [np.full((3, 20 + 8 * index, 30), 50 * index + 20, np.uint8) for index in range(4)]
    return Paintings(pixels, 16, torch.Generator().manual_seed(seed))


def test_pieces_are_squares_and_repeat_with_the_seed() -> None:
    drawn = paintings().draw(6)
    assert drawn.shape == (6, 3, 16, 16)
    assert 0 <= drawn.min() < drawn.max() <= 1
    assert torch.equal(drawn, paintings().draw(6))
    assert not torch.equal(drawn, paintings(4).draw(6))


def test_no_painting_comes_twice_before_all_have_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paintings, "_recoloured", lambda self, piece: piece)
    levels = paintings().draw(4).mean(dim=(1, 2, 3)) * 255
    assert sorted(round(float(level)) for level in levels) == [20, 70, 120, 170]


def test_half_of_the_pieces_get_other_colours() -> None:
    grey = [np.full((3, 24, 24), 127, np.uint8)]
    grey[0][0] = 200
    drawn = Paintings(grey, 8, torch.Generator().manual_seed(1))
    colours = torch.cat([drawn.draw(1) for _ in range(60)]).mean(dim=(2, 3))
    kept = (colours - torch.tensor([200, 127, 127]) / 255).abs().amax(dim=1) < 0.01
    assert 15 < int(kept.sum()) < 45


def test_a_large_painting_is_brought_down_smoothly() -> None:
    stripes = np.zeros((3, 64, 64), np.uint8)
    stripes[:, :, ::2] = 254
    assert (squared(stripes, 16)[0, :, 2:-2, 2:-2] - 127 / 255).abs().max() < 0.1


def test_whole_paintings_are_spread_over_the_set() -> None:
    assert paintings().whole(2).mean(dim=(1, 2, 3)).mul(255).round().tolist() == [20, 120]
    assert len(paintings().whole(9)) == 4
