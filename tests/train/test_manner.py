from __future__ import annotations

import torch

from ganplugin.models.palette import colour_statistics
from ganplugin.train.losses import gram
from ganplugin.train.manner import DEPTHS, MannerWeights, Target, content_of, grams_of, losses_of, together, views
from tests.train.conftest import random_features


def pictures(count: int = 2, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, 32, 40, generator=torch.Generator().manual_seed(seed))


def target_of(image: torch.Tensor) -> Target:
    return Target(grams_of(views(random_features(), image), 1), colour_statistics(image))


def test_views_are_in_full_at_half_and_at_quarter_size() -> None:
    seen = views(random_features(), pictures())
    assert tuple(len(view) for view in seen) == DEPTHS
    assert [view[0].shape[2:] for view in seen] == [(32, 40), (16, 20), (8, 10)]


def test_pictures_of_one_manner_have_one_gram_matrix_together() -> None:
    maps = torch.rand(4, 3, 5, 6)
    assert together(maps, 2).shape == (2, 3, 5, 12)
    one = gram(together(maps, 2))
    assert torch.allclose(one[1], (gram(maps[2:3]) + gram(maps[3:]))[0] / 2, atol=1e-6)


def test_a_painting_is_like_itself_and_unlike_another() -> None:
    features, image, other = random_features(), pictures(seed=1), pictures(seed=2).square()
    wanted = content_of(features, image)
    same = losses_of(image, views(features, image), wanted, target_of(image), MannerWeights())
    assert max(float(same[name]) for name in ("style", "content", "palette", "range")) < 1e-5
    apart = losses_of(other, views(features, other), wanted, target_of(image), MannerWeights())
    assert min(float(apart[name]) for name in ("style", "content", "palette")) > 1e-3


def test_weights_weigh() -> None:
    features, image, other = random_features(), pictures(seed=1), pictures(seed=2).square()
    seen, wanted, target = views(features, other), content_of(features, image), target_of(image)
    plain = losses_of(other, seen, wanted, target, MannerWeights(1, 1, 1, 1, 1))
    heavy = losses_of(other, seen, wanted, target, MannerWeights(2, 3, 4, 5, 6))
    assert {name: round(float(heavy[name] / plain[name])) for name in plain if plain[name] > 0} == {
        "content": 2,
        "style": 3,
        "palette": 4,
        "smooth": 5,
    }


def test_chosen_paintings_keep_their_order() -> None:
    target = target_of(pictures(3))
    chosen = target.chosen(torch.tensor([2, 0]))
    assert torch.equal(chosen.grams[0], target.grams[0][[2, 0]])
    assert torch.equal(chosen.palette[0], target.palette[0][[2, 0]])
