from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from ganplugin.train.translate.contrast import Heads, contrast, draw_places, patch_nce

T = 0.07


def test_patch_nce_by_hand() -> None:
    """Two places: the first query equals its key, the second stands at a right angle to both."""
    key = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    query = torch.tensor([[[1.0, 0, 0], [0, 0, 1]]])
    first = -math.log(math.exp(1 / T) / (math.exp(1 / T) + 1))
    assert patch_nce(query, key).item() == pytest.approx((first + math.log(2)) / 2, abs=1e-6)


def test_negatives_come_from_the_same_picture_alone() -> None:
    """The other picture of the batch holds the very same patches, which must not count against a query."""
    one = F.normalize(torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(1)), dim=2)
    assert patch_nce(one.repeat(2, 1, 1), one.repeat(2, 1, 1)).item() == pytest.approx(patch_nce(one, one).item())


def test_heads_pick_places_and_give_unit_vectors() -> None:
    torch.manual_seed(0)  # of few hidden units now and then none fires, and what is left has no direction
    heads = Heads((2, 3), size=4)
    maps = [torch.randn(2, 2, 3, 5), torch.randn(2, 3, 2, 2)]
    places = [torch.tensor([0, 7, 14]), torch.tensor([3])]
    vectors = heads(maps, places)
    assert [tuple(one.shape) for one in vectors] == [(2, 3, 4), (2, 1, 4)]
    assert torch.allclose(vectors[0].norm(dim=2), torch.ones(2, 3))
    wanted = F.normalize(heads.layers[0](maps[0][1, :, 1, 2]), dim=0)  # place 7 of rows of five
    assert torch.allclose(vectors[0][1, 1], wanted, atol=1e-6)


def test_places_are_different_and_no_more_than_there_are() -> None:
    small, large = draw_places([torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 40, 40)], torch.Generator())
    assert sorted(small.tolist()) == list(range(6))
    assert len(set(large.tolist())) == 256


def test_only_the_translation_and_the_heads_learn_from_it() -> None:
    heads = Heads((2,), size=4)
    query, key = (torch.randn(1, 2, 3, 3, requires_grad=True) for _ in range(2))
    contrast(heads, [query], [key], torch.Generator()).backward()
    assert query.grad is not None
    assert heads.layers[0][0].weight.grad is not None  # type: ignore[index]
    assert key.grad is None


def test_features_at_their_place_are_less_than_features_elsewhere() -> None:
    heads, features = Heads((6,), size=16), torch.randn(1, 6, 4, 4)
    same = contrast(heads, [features], [features], torch.Generator())
    moved = contrast(heads, [features.roll(1, 3)], [features], torch.Generator())
    assert same < 0.5 * moved
